# shellcheck shell=bash
# ./dev fresh: what a stranger sees. The committed tree on a Debian that has only git, a shell and CA certificates.
# shellcheck source=tools/dev/bare.sh
source "$AUTHSTATE_ROOT/tools/dev/bare.sh"

FRESH_LIMIT=${AUTHSTATE_FRESH_LIMIT:-90m}

fresh_usage() {
  cat <<'TEXT'
Usage: ./dev fresh 12|13

Builds a bare Debian of that version with debootstrap (kept for the next time), clones HEAD into a copy of it, and there
runs `./dev run` until it is ready, a health check, and `./dev test`; prints the seconds of each. Needs root or sudo.
Whatever it started or mounted ends with it, also when it is killed. AUTHSTATE_FRESH_LIMIT (default 90m) bounds the run.

TEXT
  bare_usage
}

dev_fresh() {
  local suite status=0
  case ${1:-} in
    -h | --help) fresh_usage && return ;;
  esac
  suite=$(suite_of "${1:-}") || usage_error "fresh: which Debian, 12 or 13?"
  [[ $# -eq 1 ]] || usage_error 'fresh takes one argument'
  git diff --quiet HEAD || say 'fresh: takes the last commit; what is not committed is left out'
  ensure_packages fresh
  if [[ $(id -u) -ne 0 ]]; then
    exec sudo --preserve-env "$AUTHSTATE_ROOT/dev" fresh "$1"
  fi
  copy_bare_system "$suite"
  step "clone-$suite" git clone --quiet --no-local "$AUTHSTATE_ROOT" "$bare_system/root/authstate"
  in_bare_system "$FRESH_LIMIT" bash /root/authstate/tools/dev/fresh_inside.sh || status=$?
  mkdir -p "$LOG_DIR/fresh-$suite"
  cp -a "$bare_system/root/authstate/build/log/." "$LOG_DIR/fresh-$suite/" 2>/dev/null || true
  return "$status"
}
