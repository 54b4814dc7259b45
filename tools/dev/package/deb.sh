# shellcheck shell=bash
# The Debian package: what ./dev build has built and deploy/debian describes, laid out in build/package/deb, packed by
# debhelper and judged by lintian.

# package_deb REVISION: prints its path.
package_deb() {
  local revision=$1 tree=build/package/deb version job deb
  version=$(package_version "$revision")
  rm -rf "$tree" build/package/authstate_"$version"_*.deb
  mkdir -p "$tree/bin"
  cp build/bin/authstated build/bin/authstatectl "$tree/bin"
  cp -r deploy/debian "$tree/debian"
  cp -r deploy/authstated.toml deploy/authstated.env deploy/monitoring CHANGELOG.md README.md SECURITY.md docs "$tree"
  packaged_service >"$tree/debian/authstate.authstated.service"
  for job in authstate-backup authstate-decommission; do
    packaged_unit "$job.service" 'authstatectl(1)' >"$tree/debian/authstate.$job.service"
    cp "deploy/$job.timer" "$tree/debian/authstate.$job.timer"
  done
  print_changelog "$version" >"$tree/debian/changelog"
  step package-deb make -C "$tree" -f debian/rules binary || die 'the Debian package does not build'
  deb=$(echo build/package/authstate_"$version"_*.deb)
  step package-lintian lintian --allow-root --fail-on error,warning "$deb" ||
    die 'lintian finds fault with the package'
  echo "$deb"
}

# package_version REVISION: that of CMakeLists.txt; between releases with the time and the name of the commit, so that a later
# one takes the place of an earlier one, and the release that of them all.
package_version() {
  local version commit='' system
  version=$(sed -nE 's/^project\(authstate VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt)
  if [[ $(git describe --tags --exact-match --match "v$version" --dirty 2>/dev/null) != "v$version" ]]; then
    commit=$(TZ=UTC git log -1 --date=format-local:%Y%m%d.%H%M%S --format='~git%cd.%h' --abbrev=7)
    git diff --quiet HEAD || commit+=+changed
  fi
  system=$(this_system)
  echo "$version$commit-$1+${system/debian/deb}"
}

# debian12, ubuntu24.04
this_system() {
  sed -n 's/^ID=//p; s/^VERSION_ID="\(.*\)"$/\1/p' /etc/os-release | sort -r | tr -d '\n'
}

print_changelog() {
  cat <<TEXT
authstate ($1) unstable; urgency=medium

  * $(git log -1 --format='Built from the commit %h.')
    What has changed is in changelog.gz.

 -- $(sed -n 's/^Maintainer: //p' deploy/debian/control)  $(git log -1 --date=rfc2822 --format=%cd)
TEXT
}

# packaged_unit UNIT MAN_PAGE: deploy/UNIT, but with the programs where packages put them.
packaged_unit() {
  local unit
  unit=$(sed -E -e 's|=(-?)/usr/local/bin/|=\1/usr/bin/|' -e "/^Description=/a Documentation=man:$2" "deploy/$1")
  [[ $unit != *local* ]] || die "deploy/$1: not all programs were found"
  echo "$unit"
}

# authstated.service has a user that stays as well: a file of keys or certificates can be given to it, and a store belongs
# to it.
packaged_service() {
  local unit
  unit=$(packaged_unit authstated.service 'authstated(8)' | sed -e 's|^DynamicUser=yes$|User=authstate|' \
    -e 's|^# A user of its own that exists while it runs, with|# A user of its own, with|' \
    -e '1s|; deploy/README.md says how to install it||')
  [[ $unit != *DynamicUser* && $unit != *"while it runs"* && $unit != *deploy/* ]] ||
    die 'deploy/authstated.service: not all of what differs in the package was found'
  echo "$unit"
}
