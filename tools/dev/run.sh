# shellcheck shell=bash
# ./dev run: serves on an embedded SQLite store.
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"

run_usage() {
  cat <<'TEXT'
Usage: ./dev run [OPTION...]

Installs what is missing, builds authstated and serves on 127.0.0.1:50051 from the SQLite file
~/.local/share/authstate/authstate.db. The options go to authstated: see build/bin/authstated --help. One that chooses
a store (--backend, --sqlite-path, --postgres-url, --config, or their AUTHSTATE_* variables) replaces that file.

Stop it with Ctrl-C.
TEXT
}

dev_run() {
  local file
  case ${1:-} in
    -h | --help) run_usage && return ;;
  esac
  ensure_packages build
  configure_programs
  compile default authstated
  if ! store_is_chosen "$@"; then
    file=${XDG_DATA_HOME:-$HOME/.local/share}/authstate/authstate.db
    mkdir -p "$(dirname "$file")"
    chmod 700 "$(dirname "$file")"
    set -- --backend sqlite --sqlite-path "$file" "$@"
  fi
  exec build/bin/authstated "$@"
}

store_is_chosen() {
  local argument
  [[ -n ${AUTHSTATE_BACKEND:-}${AUTHSTATE_SQLITE_PATH:-}${AUTHSTATE_POSTGRES_URL:-}${AUTHSTATE_CONFIG:-} ]] && return
  for argument in "$@"; do
    case $argument in
      --backend | --backend=* | --sqlite-path | --sqlite-path=* | --postgres-url | --postgres-url=* | --config | --config=*)
        return
        ;;
    esac
  done
  return 1
}
