# shellcheck shell=bash
# Installs distribution packages: ensure_packages GROUP... (the groups of packages.txt). Quick when nothing is missing.
# shellcheck source=tools/dev/report.sh
source "$AUTHSTATE_ROOT/tools/dev/report.sh"

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

ensure_packages() {
  local wanted missing
  wanted=$(for group in "$@"; do awk -v group="$group" '$1 == group { print $2 }' tools/dev/packages.txt; done)
  command -v dpkg-query >/dev/null || die "this system has no Debian packages; install what these stand for: ${wanted//$'\n'/ }"
  missing=$(missing_packages "$wanted")
  [[ -z $missing ]] && return
  if [[ $(id -u) -ne 0 ]] && ! command -v sudo >/dev/null; then
    die "neither root nor sudo; have an administrator run: apt-get install ${missing//$'\n'/ }"
  fi
  # shellcheck disable=SC2086  # one word a package
  step packages install_packages $missing || die "could not install: ${missing//$'\n'/ }"
}

missing_packages() {
  local installed
  # Package names hold no white space. dpkg-query fails when it does not know one of them: that one is missing.
  # shellcheck disable=SC2086
  installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' $1 2>/dev/null |
    awk '$2 == "installed" { print $1 }') || true
  comm -23 <(sort -u <<<"$1") <(sort -u <<<"$installed")
}

install_packages() {
  local options=(--yes --no-install-recommends -o Dpkg::Use-Pty=0) status=0
  keep_services_stopped || return
  # The package lists may be missing (a bare system) or older than the archive: fetch them and try once more.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@" ||
    { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@"; } ||
    status=$?
  let_services_start
  return "$status"
}

# The tests start databases and poolers of their own. A package must neither make a cluster nor start a service.
POLICY=/usr/sbin/policy-rc.d
CLUSTER_SETTING=/etc/postgresql-common/createcluster.conf

keep_services_stopped() {
  if [[ ! -e $CLUSTER_SETTING ]]; then
    as_root mkdir -p "$(dirname "$CLUSTER_SETTING")" &&
      echo 'create_main_cluster = false' | as_root tee "$CLUSTER_SETTING" || return
  fi
  if [[ ! -e $POLICY ]]; then
    printf '#!/bin/sh\n# authstate ./dev: removed after the installation\nexit 101\n' | as_root tee "$POLICY" &&
      as_root chmod +x "$POLICY"
  fi
}

let_services_start() {
  if grep -q 'authstate ./dev' "$POLICY" 2>/dev/null; then
    as_root rm -f "$POLICY"
  fi
}
