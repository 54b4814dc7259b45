# shellcheck shell=bash
# ./dev test: every test, and one line that counts them.
# shellcheck source=tools/dev/deps.sh
source "$AUTHSTATE_ROOT/tools/dev/deps.sh"
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"
# shellcheck source=tools/dev/newest_postgres.sh
source "$AUTHSTATE_ROOT/tools/dev/newest_postgres.sh"
# shellcheck source=tools/dev/tally.sh
source "$AUTHSTATE_ROOT/tools/dev/tally.sh"
# shellcheck source=tools/dev/fuzz.sh
source "$AUTHSTATE_ROOT/tools/dev/fuzz.sh"

test_usage() {
  cat <<'TEXT'
Usage: ./dev test [--sanitize=address|thread] [--whole] [SUITE...] [PATTERN...]

Suites: unit, conformance, integration, fault, hostile (C++), fuzz (libFuzzer), client (the Node client and
@authstate/server), vectors, e2e (real Baileys), tables (@authstate/tables on PostgREST), bench. All of them by default; fault, hostile, fuzz and bench in their
short forms, of which ./dev fault, ./dev fuzz and ./dev bench are the long ones.
A PATTERN is a regular expression over C++ test names, as ctest -R takes it; patterns alone choose the C++ suites.

The client and e2e suites run on the Node that is installed, and again on the newest other one of Node 20, 22 and 24:
client in full, e2e in a short part. What e2e does on every store it does on one, and most routes to PostgreSQL get a
quarter of the conformance suite. --whole runs all of it, on each store, route and Node.

--sanitize runs the unit and conformance tests in a build of their own, with the address and undefined behaviour
sanitizers, which take the hostile suite too where it is named, or with the thread sanitizer. ./dev fault runs them too.

Ends with `N passed, N failed`, and `, N skipped` where some were, alone on a line. Exits with 0 when none failed.
TEXT
}

CPP_SUITES=(unit conformance integration fault hostile)
SANITIZED_SUITES=(unit conformance)
# Attacks take minutes with it, and only when they are asked for, or in ./dev fault.
# shellcheck disable=SC2034  # only_suites knows it by its name
ADDRESS_SUITES=("${SANITIZED_SUITES[@]}" hostile)
NODE_SUITES=(client vectors e2e tables bench)
# The packages of tests/e2e bring each of them along.
NODE_TESTED=(20 22 24)

dev_test() {
  local sanitize='' pattern='' suites=() other_e2e=short
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) test_usage && return ;;
      --sanitize=address | --sanitize=thread) sanitize=${1#*=} ;;
      --whole)
        export AUTHSTATE_TEST_WHOLE=1
        other_e2e='test'
        ;;
      unit | conformance | integration | fault | hostile | fuzz | client | vectors | e2e | tables | bench) suites+=("$1") ;;
      -*) usage_error "test: unknown option '$1'" ;;
      *) pattern+=${pattern:+|}$1 ;;
    esac
    shift
  done
  if [[ -n $sanitize ]]; then
    [[ ${#suites[@]} -gt 0 ]] || suites=("${SANITIZED_SUITES[@]}")
    case $sanitize in
      address) only_suites "address sanitizer" ADDRESS_SUITES "${suites[@]}" ;;
      thread) only_suites "thread sanitizer" SANITIZED_SUITES "${suites[@]}" ;;
    esac
    ensure_packages build test
    test_sanitized "$sanitize" "$pattern" "${suites[@]}"
  else
    ensure_test_dependencies
    if [[ ${#suites[@]} -eq 0 ]]; then
      suites=("${CPP_SUITES[@]}")
      [[ -n $pattern ]] || suites+=(fuzz "${NODE_SUITES[@]}")
    fi
    test_suites "$pattern" "${suites[@]}"
  fi
  print_tally
}

only_suites() {
  local what=$1 suite
  local -n allowed=$2
  shift 2
  for suite in "$@"; do
    [[ " ${allowed[*]} " == *" $suite "* ]] || usage_error "test: the $what runs ${allowed[*]}, not $suite"
  done
}

test_suites() {
  local pattern=$1 suite cpp=() node=()
  shift
  for suite in "$@"; do
    case $suite in
      unit | conformance | integration | fault | hostile) cpp+=("$suite") ;;
      client | vectors | e2e | tables | bench) node+=("$suite") ;;
    esac
  done
  # The targets of the fuzzer have a build of their own.
  if [[ $* != fuzz ]]; then
    configure default -D AUTHSTATE_BUILD_TESTS=ON
    compile default all
    export AUTHSTATE_BIN_DIR=$AUTHSTATE_ROOT/build/bin
  fi
  [[ ${#cpp[@]} -eq 0 ]] || run_cpp_suites default build "$pattern" "${cpp[@]}"
  [[ ${#node[@]} -eq 0 ]] || set_up_node_suites
  for suite in "$@"; do
    case $suite in
      client)
        run_node_suite client client/node
        run_on_other_nodes client client/node
        run_node_suite server-npm client/server-npm
        run_node_suite client-tables client/tables
        ;;
      vectors) check_once vectors npm --prefix tests run check --workspace vectors ;;
      fault) test_history_checker ;;
      fuzz) run_fuzz_suite "$pattern" ;;
      e2e)
        ensure_newest_postgres
        run_node_suite e2e tests/e2e
        run_on_other_nodes e2e tests/e2e "$other_e2e"
        ;;
      tables) run_node_suite tables tests/tables ;;
      bench) run_node_suite bench tests/bench ;;
    esac
  done
}

# The tests of the checker itself, where there is one.
test_history_checker() {
  [[ ! -x build/bin/history_checker ]] || check_once history-checker-test in_history_checker go test ./...
}

set_up_node_suites() {
  build_node_client
  ensure_npm_packages tests
}

# test_sanitized SANITIZER PATTERN SUITE...
test_sanitized() {
  local sanitizer=$1 pattern=$2 directory targets
  shift 2
  case $sanitizer in
    address) directory=build/asan ;;
    thread) directory=build/tsan ;;
  esac
  targets=("${@/#/tests/}")
  configure "$sanitizer" -D AUTHSTATE_BUILD_TESTS=ON
  compile "$sanitizer" "${targets[@]/%//all}"
  export AUTHSTATE_BIN_DIR=$AUTHSTATE_ROOT/$directory/bin
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$AUTHSTATE_ROOT/cmake/tsan/suppressions.txt
  run_cpp_suites "$sanitizer" "$directory" "$pattern" "$@"
}

# run_cpp_suites LABEL BUILD_DIR PATTERN SUITE...
run_cpp_suites() {
  local label=$1 directory=$2 pattern=$3 suite report name options=(--label-exclude '^whole$')
  shift 3
  [[ -z ${AUTHSTATE_TEST_WHOLE:-} ]] || options=(--label-exclude '^part$')
  [[ -z $pattern ]] || options+=(--tests-regex "$pattern")
  # What the routes to PostgreSQL differ in is other programs, which no sanitizer watches; with ids hidden, or a near store
  # before it, what is ours runs on SQLite and in memory too. Without descriptors the sanitizer of undefined behaviour
  # takes every object for a wrong one: it opens a pipe to look at it.
  [[ $label == default ]] ||
    options+=(--exclude-regex 'conformance\.(transaction|session|tls|dressed|hidden|native|legacy)|\.WithoutDescriptors')
  for suite in "$@"; do
    name=$suite
    [[ $label == default ]] || name=$suite-$label
    report=$AUTHSTATE_ROOT/build/log/$name.xml
    rm -f "$report"
    case $suite in integration | fault) ensure_newest_postgres ;; esac
    step "$name" ctest --test-dir "$directory/tests/$suite" --output-on-failure --no-tests=ignore \
      --parallel "$(test_jobs)" --timeout 900 --output-junit "$report" "${options[@]}" || true
    tally_junit "$name" "$report"
  done
}

# Tests wait for servers and databases more than they compute.
test_jobs() {
  echo $((2 * $(nproc)))
}

# run_on_other_nodes NAME DIR [SCRIPT]: on each Node that is tested but for the one that is installed; without --whole, on
# the newest of those.
run_on_other_nodes() {
  local name=$1 directory=$2 script=${3:-test} major binaries others=()
  for major in "${NODE_TESTED[@]}"; do
    [[ $major -eq $(node_major) ]] || others+=("$major")
  done
  [[ -n ${AUTHSTATE_TEST_WHOLE:-} ]] || others=("${others[-1]}")
  for major in "${others[@]}"; do
    binaries=$(tested_node "$major")
    PATH=$binaries:$PATH run_node_suite "$name-node$major" "$directory" "$script"
  done
}

# run_node_suite NAME DIR [SCRIPT]
run_node_suite() {
  local status=0
  # The report that node:test writes for people, whatever Node's version thinks of the log file it writes to.
  NODE_OPTIONS="${NODE_OPTIONS:-} --test-reporter=spec --test-reporter-destination=stdout" \
    step "$1" npm --prefix "$2" run "${3:-test}" || status=$?
  tally_node_test "$1" "$LOG_DIR/$1.log" "$status"
}

# check_once NAME COMMAND...: a check that counts as one test.
check_once() {
  if step "$@"; then
    tally 1 0 0
  else
    tally 0 1 0
  fi
}
