# shellcheck shell=bash
# ./dev bench: authstate beside what it replaces, and beside what the machine allows.
# shellcheck source=tools/dev/deps.sh
source "$AUTHSTATE_ROOT/tools/dev/deps.sh"
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"

bench_usage() {
  cat <<'TEXT'
Usage: ./dev bench [--quick] [--minutes N] [--load-seconds N] [ROW...]

Measures authstate and others side by side in one run, in turns, five times each, and writes the medians to
build/bench/report.json and build/bench/report.md; tests/bench/README.md says what each row is. Installs Redis and
MariaDB, and starts none of their services: all that it measures are processes of its own on 127.0.0.1, which end with it.

A ROW is the name of a row or its beginning: `./dev bench incoming-message/10kB get-one`. All of them by default; the
micro-benchmarks of C++ parts then follow in build/bench/micro.json.

No row begins later than --minutes (60 by default) after the first; those that are left out are named, and the exit
code is 1.

The load of scraped-memory lasts for --load-seconds, 60 by default, and counts only where it lasts for 600.

--quick shows that every row runs that needs nothing beyond PostgreSQL and Node, as `./dev test bench` does. It installs
nothing else, and its figures mean nothing.
TEXT
}

dev_bench() {
  local quick='' rows=() options=() argument
  for argument in "$@"; do
    case $argument in
      -h | --help) bench_usage && return ;;
    esac
  done
  while [[ $# -gt 0 ]]; do
    case $1 in
      --quick) quick=yes ;;
      --minutes)
        [[ ${2:-} =~ ^[1-9][0-9]{0,2}$ ]] || usage_error 'bench: --minutes needs a number from 1 to 999'
        options+=(--minutes "$2")
        shift
        ;;
      --load-seconds)
        [[ ${2:-} =~ ^[1-9][0-9]{0,3}$ ]] || usage_error 'bench: --load-seconds needs a number from 1 to 9999'
        options+=(--load-seconds "$2")
        shift
        ;;
      -*) usage_error "bench: unknown option '$1'" ;;
      *) rows+=("$1") ;;
    esac
    shift
  done
  ensure_packages build test
  [[ -n $quick ]] || ensure_packages bench
  ensure_node
  configure default -D AUTHSTATE_BUILD_TESTS=ON
  compile default authstated authstatectl tests/bench/all
  build_node_client
  ensure_npm_packages tests
  [[ -z $quick ]] || options+=(--quick)
  export AUTHSTATE_BIN_DIR=$AUTHSTATE_ROOT/build/bin
  cd tests/bench || return
  # In place of this shell: whoever stops it, stops what measures, which then ends all that it started.
  exec node --import tsx bench.ts --output "$AUTHSTATE_ROOT/build/bench" "${options[@]}" "${rows[@]}"
}
