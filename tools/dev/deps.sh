# shellcheck shell=bash
# ./dev deps: everything the other commands need.
# shellcheck source=tools/dev/checker.sh
source "$AUTHSTATE_ROOT/tools/dev/checker.sh"
# shellcheck source=tools/dev/grpcurl.sh
source "$AUTHSTATE_ROOT/tools/dev/grpcurl.sh"

deps_usage() {
  cat <<'TEXT'
Usage: ./dev deps [run|build|test|lint|package|fresh...]

Installs what the commands named need, or all of them. The packages are listed in tools/dev/packages.txt. Where the
system's Node is older than 20, or its npm than 10, pinned ones are downloaded into ~/.cache/authstate; grpcurl is
built there as well, and so is what the checker of histories (tests/fault/checker) needs.
TEXT
}

dev_deps() {
  local command
  [[ $# -eq 0 ]] && set -- run build test lint package fresh
  for command in "$@"; do
    case $command in
      run) ensure_packages build ;;
      build) ensure_packages build && ensure_node ;;
      test) ensure_test_dependencies ;;
      lint) ensure_packages build test lint && ensure_node && ensure_npm_packages tools/buf tools/dashboards ;;
      package) ensure_packages build package ;;
      fresh) ensure_packages fresh ;;
      -h | --help) deps_usage && return ;;
      *) usage_error "deps: unknown command '$command'" ;;
    esac
  done
}

ensure_test_dependencies() {
  ensure_packages build test
  ensure_node
  if apt-cache show chromium >/dev/null 2>&1; then
    ensure_packages browser
  else
    say 'there is no package chromium: the test of the status page will be skipped'
  fi
  if ! ensure_grpcurl; then
    [[ ${CI:-} == true ]] && die 'grpcurl could not be installed, and CI requires it'
    say 'grpcurl could not be installed: its tests will be skipped'
  fi
  if ! ensure_history_checker; then
    [[ ${CI:-} == true ]] && die 'the checker of histories could not be built, and CI requires it'
    say 'the checker of histories could not be built: the tests that need it will be skipped'
  fi
}
