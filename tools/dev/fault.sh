# shellcheck shell=bash
# ./dev fault: the tests of tests/fault and tests/hostile in their long form, and a report.
# shellcheck source=tools/dev/deps.sh
source "$AUTHSTATE_ROOT/tools/dev/deps.sh"
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"
# shellcheck source=tools/dev/tally.sh
source "$AUTHSTATE_ROOT/tools/dev/tally.sh"
# shellcheck source=tools/dev/test.sh
source "$AUTHSTATE_ROOT/tools/dev/test.sh"

fault_usage() {
  cat <<'TEXT'
Usage: ./dev fault [--rounds N] [--minutes N] [--seed N] [NAME...]

Runs authstated and PostgreSQL under load while the network between them, or PostgreSQL itself, fails; see
tests/fault/README.md. Every fault comes N times as often as in ./dev test (--rounds, 5 by default). A NAME is a regular
expression over test names, as ctest -R takes it: `./dev fault Failover`. Without one, the server is then attacked for
N times as long (tests/hostile/README.md), real Baileys runs at full length through poolers and TLS, on both layouts,
two pools of it take the same accounts from each other, each alert of deploy/monitoring meets its fault, for half an hour,
and what the address sanitizer watches runs in full with it, a server that is attacked once among it.

LinearizabilityTest plays 40 random rounds for each of --rounds, 200 by default, and a fifth of that on the existing
tables. What happens in them follows from --seed, 1 by default: each round has the seed after that of the round before.

No test begins later than --minutes (60 by default) after the first; those that are left out count as failed. Tests run
one after the other, so that the gaps they report are the service's own. The report is build/fault/report.md, the log
build/log/fault.log.

Ends with `N passed, N failed` alone on a line. Exits with 0 when none failed.
TEXT
}

dev_fault() {
  local rounds=5 minutes=60 seed=1 pattern=''
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) fault_usage && return ;;
      --rounds | --minutes | --seed)
        [[ ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "fault: $1 needs a number from 1"
        local "${1#--}=$2"
        shift
        ;;
      -*) usage_error "fault: unknown option '$1'" ;;
      *) pattern+=${pattern:+|}$1 ;;
    esac
    shift
  done
  ensure_test_dependencies
  configure default -D AUTHSTATE_BUILD_TESTS=ON
  compile default all
  export AUTHSTATE_FAULT_SEED=$seed
  run_faults "$rounds" "$minutes" "$pattern"
  if [[ -z $pattern ]]; then
    run_attacks
    run_accounts
    run_node_suite alerts tests/e2e alerts
    AUTHSTATE_FAULT_ROUNDS=1 test_sanitized address '' "${ADDRESS_SUITES[@]}"
  fi
  print_tally
}

run_attacks() {
  local junit=$LOG_DIR/hostile.xml
  rm -f "$junit"
  step hostile ctest --test-dir build/tests/hostile --output-on-failure --no-tests=error --output-junit "$junit" || true
  tally_junit hostile "$junit"
}

# Real Baileys at full length: every route to PostgreSQL, and take-overs, whose times go into the report.
run_accounts() {
  local status=0
  build_node_client
  ensure_npm_packages tests
  NODE_OPTIONS="${NODE_OPTIONS:-} --test-reporter=spec --test-reporter-destination=stdout" \
    step accounts npm --prefix tests/e2e run long || status=$?
  sed -n -E 's/^(take-over|outage) report: /\n/p' "$LOG_DIR/accounts.log" >>build/fault/report.md
  tally_node_test accounts "$LOG_DIR/accounts.log" "$status"
}

# run_faults ROUNDS MINUTES PATTERN
run_faults() {
  local rounds=$1 minutes=$2 options=() junit=$LOG_DIR/fault.xml log=$LOG_DIR/fault.log
  local directory=$AUTHSTATE_ROOT/build/fault
  [[ -z $3 ]] || options+=(--tests-regex "$3")
  mkdir -p "$LOG_DIR" "$directory"
  rm -f "$junit"
  ensure_newest_postgres
  export AUTHSTATE_BIN_DIR=$AUTHSTATE_ROOT/build/bin AUTHSTATE_FAULT_ROUNDS=$rounds
  ctest --test-dir build/tests/fault --verbose --no-tests=error --timeout $((minutes * 60)) \
    --stop-time "$(date -d "+$minutes minutes" '+%H:%M:%S')" --output-junit "$junit" "${options[@]}" 2>&1 </dev/null |
    tee "$log" | fault_progress >&2 || true
  write_fault_report "$rounds" "$log" >"$directory/report.md"
  say "report: build/fault/report.md"
  tally_junit fault "$junit"
}

# Reads from ctest's verbose output how each test ended, what it reported, and why it failed.
fault_progress() {
  grep --line-buffered -E '^ *[0-9]+/[0-9]+ Test +#|^[0-9]+: (fault report: |.*: Failure$)' |
    sed -u -E 's/^[0-9]+: fault report: [^ ]+ /      /'
}

# write_fault_report ROUNDS LOG
write_fault_report() {
  local head
  head=$(git rev-parse --short HEAD)
  [[ -z $(git status --porcelain) ]] || head+=' with changes'
  cat <<TEXT
# Faults

$(date --utc '+%Y-%m-%d %H:%M') UTC, commit $head, $1 rounds, $(nproc) processors, $(fault_postgres_version).

A gap is the time between two commits of one session that were acknowledged one after the other. "Not applied" and
"unknown" is what the failed commits were answered with; all of it was compared with the database.

| test | result | seconds | load |
|---|---|---|---|
TEXT
  awk '
    /^[0-9]+: fault report: / {
      number = $1; sub(/:$/, "", number)
      text = $0; sub(/^[0-9]+: fault report: [^ ]+ /, "", text)
      reports[number] = reports[number] (reports[number] == "" ? "" : "<br>") text
    }
    /^ *[0-9]+\/[0-9]+ Test +#/ {
      line = $0; sub(/^.*Test +#/, "", line)
      number = line; sub(/:.*$/, "", number)
      sub(/^[0-9]+: /, "", line)
      name = line; sub(/ .*$/, "", name)
      result = line ~ /Passed/ ? "passed" : "FAILED"
      seconds = line; sub(/ sec *$/, "", seconds); sub(/^.* /, "", seconds)
      print "| " name " | " result " | " seconds " | " reports[number] " |"
    }' "$2"
}

fault_postgres_version() {
  # shellcheck source=tests/support/as_postgres.sh
  "$(. "$AUTHSTATE_ROOT/tests/support/as_postgres.sh" && echo "$bin/postgres")" --version | sed 's/ (PostgreSQL)//; s/^postgres/PostgreSQL/'
}
