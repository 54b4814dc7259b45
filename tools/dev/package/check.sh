# shellcheck shell=bash
# ./dev package --check: the packages, tried as those who install them have them.
# shellcheck source=tools/dev/bare.sh
source "$AUTHSTATE_ROOT/tools/dev/bare.sh"
# shellcheck source=tools/dev/package/image_check.sh
source "$AUTHSTATE_ROOT/tools/dev/package/image_check.sh"

# For what takes no compiler; and to build from nothing.
CHECK_LIMIT=15m
ELSEWHERE_LIMIT=60m
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
  package_kinds 1 image npm
  ensure_npm_packages tests
  check_image
  rm -rf "$CHECKS"
  for version in "$@"; do
    build_debs "$version"
    check_debian "$version"
  done
}

# build_debs DEBIAN_VERSION: two packages that differ in their revision alone, in $CHECKS/DEBIAN_VERSION.
build_debs() {
  local version=$1 debs=$CHECKS/$1 revision deb
  mkdir -p "$debs"
  if [[ $(this_system) == "debian$version" ]]; then
    for revision in 1 2; do
      deb=$(package_deb "$revision")
      mv "$deb" "$debs"
    done
    return
  fi
  copy_bare_system "$(suite_of "$version")"
  step "clone-$version" git clone --quiet --no-local "$AUTHSTATE_ROOT" "$bare_system/root/authstate"
  # shellcheck disable=SC2016  # for the shell that it is given to
  step "package-deb-$version" in_bare_system "$ELSEWHERE_LIMIT" bash -euc '
    source /root/host-environment
    cd /root/authstate
    ./dev package --revision 1
    ./dev package --revision 2' || die "the package does not build on Debian $version"
  mv "$bare_system"/root/authstate/build/package/authstate_*.deb "$debs"
  drop_bare_system
}

# check_debian DEBIAN_VERSION
check_debian() {
  local version=$1 status=0
  copy_bare_system "$(suite_of "$version")"
  mkdir "$bare_system/root/check"
  cp "$CHECKS/$version"/*.deb build/package/*.tgz tools/dev/package/*_inside.* deploy/authstated.service deploy/authstated.toml \
    deploy/authstate-backup.service "$bare_system/root/check"
  # Before there is any library of the Debian package.
  hand_in_nodes
  said "npm packages, Debian $version" in_bare_system "$CHECK_LIMIT" bash /root/check/npm_inside.sh \
    "${CHECKED_NODES[@]}" || status=1
  step "systemd-$version" in_bare_system "$CHECK_LIMIT" bash -euc '
    source /root/host-environment
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install --yes --no-install-recommends systemd-sysv dbus
    apt-get install --yes --no-install-recommends --download-only /root/check/authstate_*-1+*.deb' ||
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
