# shellcheck shell=bash
# ./dev build: build/bin/authstated, build/bin/authstatectl, client/node/dist and client/tables/dist.
# shellcheck source=tools/dev/native.sh
source "$AUTHSTATE_ROOT/tools/dev/native.sh"
# shellcheck source=tools/dev/node.sh
source "$AUTHSTATE_ROOT/tools/dev/node.sh"

build_usage() {
  cat <<'TEXT'
Usage: ./dev build

Leaves build/bin/authstated, build/bin/authstatectl, client/node/dist and client/tables/dist.
TEXT
}

dev_build() {
  case ${1:-} in
    '') ;;
    -h | --help) build_usage && return ;;
    *) usage_error "build takes no arguments, not '$1'" ;;
  esac
  ensure_packages build
  ensure_node
  configure_programs
  compile default authstated authstatectl
  build_node_client
}

# The programs need no test packages; a build that already has the tests keeps them.
configure_programs() {
  if [[ -e build/CMakeCache.txt ]]; then
    configure default
  else
    configure default -D AUTHSTATE_BUILD_TESTS=OFF
  fi
}

build_node_client() {
  ensure_npm_packages client/node client/tables
  step node-client-build npm --prefix client/node run build || die 'the Node client does not build'
  step tables-client-build npm --prefix client/tables run build || die '@authstate/tables does not build'
}
