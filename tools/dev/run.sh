# shellcheck shell=bash
# ./dev run: serves on an embedded SQLite store.
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"

run_usage() {
  cat <<'TEXT'
Usage: ./dev run [OPTION...]

Installs what is missing, builds authstated and serves on 127.0.0.1:50051 from the SQLite file
~/.local/share/authstate/authstate.db, or as the options say: they go to authstated, whose --help lists them. With
--config or AUTHSTATE_CONFIG the file is what the configuration says.

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
  if ! file_is_chosen "$@"; then
    file=${XDG_DATA_HOME:-$HOME/.local/share}/authstate/authstate.db
    mkdir -p "$(dirname "$file")"
    chmod 700 "$(dirname "$file")"
    set -- --sqlite-path "$file" "$@"
  fi
  exec build/bin/authstated "$@"
}

# A flag of ours would win over the environment and the configuration; one given later wins over ours.
file_is_chosen() {
  local argument
  [[ -n ${AUTHSTATE_SQLITE_PATH:-}${AUTHSTATE_CONFIG:-} ]] && return
  for argument in "$@"; do
    case $argument in
      --config | --config=*) return ;;
    esac
  done
  return 1
}
