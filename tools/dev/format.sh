# shellcheck shell=bash
# ./dev format: formats C++, the contract and TypeScript.
# shellcheck source=tools/dev/lint.sh
source "$AUTHSTATE_ROOT/tools/dev/lint.sh"

format_usage() {
  cat <<'TEXT'
Usage: ./dev format

Formats the C++ sources with clang-format, the contract with buf, and the TypeScript of the packages and
of tests with their own formatter.
TEXT
}

dev_format() {
  case ${1:-} in
    '') ;;
    -h | --help) format_usage && return ;;
    *) usage_error "format takes no arguments, not '$1'" ;;
  esac
  ensure_packages lint
  ensure_node
  ensure_npm_packages tools/buf client/node client/tables tests
  step format-cpp format_cpp
  step format-proto run_buf format --write
  step format-node-client npm --prefix client/node run format
  step format-server-npm npm --prefix client/server-npm run format
  step format-tables-client npm --prefix client/tables run format
  step format-node-tests npm --prefix tests run format
}

format_cpp() {
  cpp_files | xargs -r clang-format -i
}
