# shellcheck shell=bash
# ./dev fresh: what a stranger sees. The committed tree on a Debian that has only git, a shell and CA certificates.
# shellcheck source=tools/dev/packages.sh
source "$AUTHSTATE_ROOT/tools/dev/packages.sh"

FRESH_DIR=${AUTHSTATE_FRESH_DIR:-/var/cache/authstate-fresh}
FRESH_LIMIT=${AUTHSTATE_FRESH_LIMIT:-90m}
HOST_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

fresh_usage() {
  cat <<'TEXT'
Usage: ./dev fresh 12|13

Builds a bare Debian of that version with debootstrap (kept for the next time), clones HEAD into a copy of it, and there
runs `./dev run` until it is ready, a health check, and `./dev test`; prints the seconds of each. Needs root or sudo.
Whatever it started or mounted ends with it, also when it is killed.

The host hands in its CA bundle, its resolver settings, its apt mirror and proxy, and what says where npm and Go
download from. The environment: AUTHSTATE_FRESH_DIR (default /var/cache/authstate-fresh) holds the systems,
AUTHSTATE_FRESH_LIMIT (default 90m) bounds the run.
TEXT
}

dev_fresh() {
  local suite
  case ${1:-} in
    -h | --help) fresh_usage && return ;;
    12) suite=bookworm ;;
    13) suite=trixie ;;
    *) usage_error "fresh: which Debian, 12 or 13?" ;;
  esac
  [[ $# -eq 1 ]] || usage_error 'fresh takes one argument'
  git diff --quiet HEAD || say 'fresh: takes the last commit; what is not committed is left out'
  ensure_packages fresh
  if [[ $(id -u) -ne 0 ]]; then
    exec sudo --preserve-env "$AUTHSTATE_ROOT/dev" fresh "$1"
  fi
  mkdir -p "$FRESH_DIR"
  ensure_base "$suite"
  in_fresh_copy "$suite"
}

ensure_base() {
  local suite=$1 base=$FRESH_DIR/$1 mirror
  [[ -e $base ]] && return
  mirror=$(host_mirror)
  rm -rf "$base.part"
  # shellcheck disable=SC2086  # no mirror is no argument: debootstrap knows one
  step "debootstrap-$suite" debootstrap --variant=minbase --include=git,ca-certificates "$suite" "$base.part" $mirror ||
    die "could not make a bare $suite"
  mv "$base.part" "$base"
}

# Where this host gets its own release from, when it is a Debian.
host_mirror() {
  local release
  grep -q '^ID=debian$' /etc/os-release || return 0
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  apt-get indextargets --format "\$(SITE) \$(RELEASE)" | awk -v release="$release" '$2 == release { print $1; exit }'
}

in_fresh_copy() {
  local suite=$1 status=0
  # What a killed run could not remove.
  find "$FRESH_DIR" -mindepth 1 -maxdepth 1 -name 'run-*' -mtime +1 -exec rm -rf --one-file-system {} +
  fresh_system=$(mktemp -d "$FRESH_DIR/run-$suite.XXXXXX")
  fresh_process=
  trap leave_fresh_copy EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  step "copy-$suite" cp -a --reflink=auto "$FRESH_DIR/$suite/." "$fresh_system"
  step "clone-$suite" git clone --quiet --no-local "$AUTHSTATE_ROOT" "$fresh_system/root/authstate"
  hand_in_settings "$fresh_system"
  # A process and a mount namespace of their own: when the first process in them ends, all others and all mounts do.
  setpriv --pdeathsig TERM timeout --kill-after=10s "$FRESH_LIMIT" \
    unshare --mount --propagation private --pid --fork --kill-child=KILL \
    bash tools/dev/fresh_enter.sh "$fresh_system" </dev/null &
  fresh_process=$!
  wait "$fresh_process" || status=$?
  fresh_process=
  mkdir -p "$LOG_DIR/fresh-$suite"
  cp -a "$fresh_system/root/authstate/build/log/." "$LOG_DIR/fresh-$suite/" 2>/dev/null || true
  [[ $status -ne 124 ]] || say "fresh: stopped after $FRESH_LIMIT"
  return "$status"
}

leave_fresh_copy() {
  if [[ -n $fresh_process ]]; then
    kill "$fresh_process" 2>/dev/null || true
    wait "$fresh_process" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$fresh_system"
}

# What this host needs to reach the outside, as the bare system's own settings.
hand_in_settings() {
  local system=$1 name
  cp --dereference /etc/resolv.conf "$system/etc/resolv.conf"
  cp --dereference "$HOST_CA_BUNDLE" "$system$HOST_CA_BUNDLE"
  apt-config dump 2>/dev/null | grep -E '^Acquire::(https?::Proxy|Check-(Date|Valid-Until)) ' \
    >"$system/etc/apt/apt.conf.d/90host" || true
  # The copy is thrown away: no need to wait for the disk after each package.
  echo force-unsafe-io >"$system/etc/dpkg/dpkg.cfg.d/unsafe-io"
  {
    for name in $(compgen -e); do
      case $name in
        npm_config_* | NPM_CONFIG_* | GOPROXY | GOSUMDB | GONOSUMDB | GOPRIVATE | GOINSECURE) print_setting "$name" ;;
        http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY) print_setting "$name" ;;
        *) [[ ${!name} != "$HOST_CA_BUNDLE" && ${!name} != "$(dirname "$HOST_CA_BUNDLE")" ]] || print_setting "$name" ;;
      esac
    done
  } >"$system/root/host-environment"
  [[ ! -e $HOME/.npmrc ]] || cp "$HOME/.npmrc" "$system/root/.npmrc"
}

print_setting() {
  printf 'export %s=%q\n' "$1" "${!1}"
}
