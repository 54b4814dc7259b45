# shellcheck shell=bash
# ./dev package --check: the packages, tried as those who install them have them.
# shellcheck source=tools/dev/bare.sh
source "$AUTHSTATE_ROOT/tools/dev/bare.sh"
# shellcheck source=tools/dev/package/image_check.sh
source "$AUTHSTATE_ROOT/tools/dev/package/image_check.sh"

# For what takes no compiler; and to build two commits from nothing.
CHECK_LIMIT=15m
ELSEWHERE_LIMIT=120m
# On which the npm packages are tried; tests/node_modules has them.
CHECKED_NODES=(20 22)
CHECKS=build/package/check

# check_packages DEBIAN_VERSION...
check_packages() {
  local version
  ensure_packages build package fresh
  if [[ $(id -u) -ne 0 ]]; then
    exec sudo --preserve-env "$AUTHSTATE_ROOT/dev" package --check "$@"
  fi
  git diff --quiet HEAD || say 'package: another Debian builds the last commit; what is not committed is left out there'
  configure_programs
  compile default authstated authstatectl
  package_kinds 1 oci npm
  ensure_npm_packages tests
  check_image
  rm -rf "$CHECKS"
  for version in "$@"; do
    build_debs "$version"
    check_debian "$version"
  done
}

# build_debs DEBIAN_VERSION: the package of an earlier commit, as revision 1, and that of this one, as revision 2, in
# $CHECKS/DEBIAN_VERSION.
build_debs() {
  local version=$1 debs=$CHECKS/$1 earlier deb
  mkdir -p "$debs"
  earlier=$(earlier_commit) || die 'package: this clone lacks the commit of the package that is upgraded'
  if [[ $(this_system) == "debian$version" ]]; then
    deb=$(package_deb 2)
    mv "$deb" "$debs"
    rm -rf build/package/earlier
    step clone-earlier git clone --quiet --no-local "$AUTHSTATE_ROOT" build/package/earlier
    git -C build/package/earlier checkout --quiet --detach "$earlier"
    step package-deb-earlier build/package/earlier/dev package --revision 1 || die "the package of $earlier does not build"
    mv build/package/earlier/build/package/authstate_*.deb "$debs"
    return
  fi
  copy_bare_system "$(suite_of "$version")"
  step "clone-$version" git clone --quiet --no-local "$AUTHSTATE_ROOT" "$bare_system/root/authstate"
  export BARE_CCACHE=$BARE_DIR/ccache-$version
  # shellcheck disable=SC2016  # for the shell that it is given to
  step "package-deb-$version" in_bare_system "$ELSEWHERE_LIMIT" bash -euc '
    source /root/host-environment
    /root/authstate/dev package --revision 2
    git clone --quiet /root/authstate /root/earlier
    git -C /root/earlier checkout --quiet --detach "$1"
    /root/earlier/dev package --revision 1' bash "$earlier" || die "the packages do not build on Debian $version"
  unset BARE_CCACHE
  mv "$bare_system"/root/{authstate,earlier}/build/package/authstate_*.deb "$debs"
  drop_bare_system
}

# The commit of the package that is upgraded: the release before; before the first one, the commit that is 50 older.
earlier_commit() {
  git describe --tags --match 'v*' --abbrev=0 HEAD~1 2>/dev/null || git rev-parse --verify --quiet HEAD~50
}

# check_debian DEBIAN_VERSION
check_debian() {
  local version=$1 status=0
  copy_bare_system "$(suite_of "$version")"
  mkdir "$bare_system/root/check"
  cp "$CHECKS/$version"/*.deb build/package/*.tgz tools/dev/package/*_inside.* deploy/authstated.service deploy/authstated.toml \
    "$bare_system/root/check"
  # Before there is any library of the Debian package.
  hand_in_nodes
  said "npm packages, Debian $version" in_bare_system "$CHECK_LIMIT" bash /root/check/npm_inside.sh \
    "${CHECKED_NODES[@]}" || status=1
  # shellcheck disable=SC2016  # for the shell that it is given to
  step "systemd-$version" in_bare_system "$CHECK_LIMIT" bash -euc '
    source /root/host-environment
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install --yes --no-install-recommends systemd-sysv dbus
    for deb in /root/check/authstate_*.deb; do
      apt-get install --yes --no-install-recommends --download-only "$deb"
    done' ||
    die "Debian $version cannot be given its systemd"
  boot_bare_system "$CHECK_LIMIT"
  said "Debian package, Debian $version" in_booted_system bash /root/check/deb_inside.sh || status=1
  check_services "$version" || status=1
  drop_bare_system
  return "$status"
}

# check_services DEBIAN_VERSION: what starts and stops services on the evening of a move, in the bare system that is booted,
# and whether that outlives a boot. Ends the system.
check_services() {
  local version=$1 status=0
  cp deploy/cutover/services.sh "$bare_system/root/check"
  said "services of a move, Debian $version" in_booted_system bash /root/check/services_inside.sh move || status=1
  halt_bare_system
  boot_bare_system "$CHECK_LIMIT"
  said "and after a boot" in_booted_system bash /root/check/services_inside.sh booted || status=1
  halt_bare_system
  return "$status"
}

# Node and npm of this machine's, which a bare system has none of.
hand_in_nodes() {
  local major npm
  ensure_node
  npm=$(dirname "$(dirname "$(realpath "$(command -v npm)")")")
  cp -rL "$npm" "$bare_system/opt/npm"
  for major in "${CHECKED_NODES[@]}"; do
    install -D "$(tested_node "$major")/node" "$bare_system/opt/node-$major/bin/node"
  done
}

# said WHAT COMMAND...: a check that says itself what it has found.
said() {
  local began=$SECONDS status=0
  say "== $1"
  "${@:2}" || status=$?
  say "== $1: $([[ $status -eq 0 ]] && echo ok || echo FAILED), $((SECONDS - began)) s"
  return "$status"
}
