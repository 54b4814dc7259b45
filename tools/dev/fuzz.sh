# shellcheck shell=bash
# ./dev fuzz: libFuzzer over what reads the bytes of strangers, for long, with a report.
# shellcheck source=tools/dev/deps.sh
source "$AUTHSTATE_ROOT/tools/dev/deps.sh"
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"
# shellcheck source=tools/dev/tally.sh
source "$AUTHSTATE_ROOT/tools/dev/tally.sh"

FUZZ_DIR=$AUTHSTATE_ROOT/build/fuzz
# After so many executions of a target its progress is told, and kept.
FUZZ_ROUND=1000000

fuzz_usage() {
  cat <<TEXT
Usage: ./dev fuzz [--runs N] [--jobs N] [TARGET...]

Runs each target N times (--runs, ten million by default) with clang's libFuzzer, under the address and undefined
behaviour sanitizers; see tests/fuzz/README.md. As many run at once as there are processors, or --jobs.

Targets, all of them by default: $(fuzz_targets | paste -sd ' ').

What an input reached that none had reached before goes into build/fuzz/corpus/TARGET, which the next run begins with. A run
that was ended early goes on after the last $FUZZ_ROUND executions. A finding ends its target: the input is in
build/fuzz/findings, and what it came to in build/log/fuzz-TARGET.log. The report is build/fuzz/report.md.

Ends with \`N passed, N failed\`, counting targets, alone on a line. Exits with 0 when none failed.
TEXT
}

fuzz_targets() {
  local source
  for source in "$AUTHSTATE_ROOT"/tests/fuzz/*_fuzz.cc; do
    basename "$source" _fuzz.cc
  done
}

dev_fuzz() {
  local runs=10000000 jobs targets=() target
  jobs=$(nproc)
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) fuzz_usage && return ;;
      --runs | --jobs)
        [[ ${2:-} =~ ^[1-9][0-9]{0,11}$ ]] || usage_error "fuzz: $1 needs a number from 1"
        local "${1#--}=$2"
        shift
        ;;
      -*) usage_error "fuzz: unknown option '$1'" ;;
      *)
        [[ -e tests/fuzz/$1_fuzz.cc ]] || usage_error "fuzz: no target '$1'; there are: $(fuzz_targets | paste -sd ' ')"
        targets+=("$1")
        ;;
    esac
    shift
  done
  [[ ${#targets[@]} -gt 0 ]] || mapfile -t targets < <(fuzz_targets)
  build_fuzz_targets "${targets[@]/#/fuzz_}"
  mkdir -p "$FUZZ_DIR"/{findings,done,results}
  for target in "${targets[@]}"; do
    rm -f "$FUZZ_DIR/results/$target"
    while [[ $(jobs -rp | wc -l) -ge $jobs ]]; do wait -n || true; done
    fuzz_one "$target" "$runs" &
  done
  wait
  write_fuzz_report "${targets[@]}" >"$FUZZ_DIR/report.md"
  say "report: build/fuzz/report.md"
  for target in "${targets[@]}"; do
    if [[ $(cut -f 1 "$FUZZ_DIR/results/$target" 2>/dev/null) == none ]]; then tally 1 0 0; else tally 0 1 0; fi
  done
  print_tally
}

build_fuzz_targets() {
  ensure_packages build test
  configure fuzz
  compile fuzz "$@"
}

# fuzz_one TARGET RUNS: leaves a line in results/TARGET: findings, executions, seconds, edges, inputs in the corpus.
fuzz_one() {
  local target=$1 runs=$2 began=$SECONDS log=$LOG_DIR/fuzz-$1.log count=$FUZZ_DIR/done/$1 executed=0 round finding=none
  [[ ! -s $count ]] || executed=$(<"$count")
  [[ $executed -lt $runs ]] || executed=0
  while [[ $executed -lt $runs && $finding == none ]]; do
    round=$((runs - executed < FUZZ_ROUND ? runs - executed : FUZZ_ROUND))
    run_target "$target" "$round" >"$log" 2>&1 || finding=$(fuzz_finding "$log")
    executed=$((executed + $(fuzz_stat "$log" number_of_executed_units)))
    echo "$executed" >"$count"
    [[ $finding != none ]] ||
      say "$(printf '%-14s %12d of %d executions, %s a second, %s edges' "$target" "$executed" "$runs" \
        "$(fuzz_stat "$log" average_exec_per_sec)" "$(fuzz_edges "$log")")"
  done
  [[ $finding != none ]] || rm -f "$count"
  [[ $finding == none ]] || say "$(printf '%-14s FOUND %s' "$target" "$finding")"
  printf '%s\t%s\t%s\t%s\t%s\n' "$finding" "$executed" $((SECONDS - began)) "$(fuzz_edges "$log")" \
    "$(find "$FUZZ_DIR/corpus/$target" -type f | wc -l)" >"$FUZZ_DIR/results/$target"
}

# run_target TARGET RUNS: what it finds goes into the first folder of inputs.
run_target() {
  local target=$1 dictionary=tests/fuzz/$1.dict options=(-runs="$2" -print_final_stats=1 -timeout=20)
  [[ ! -e $dictionary ]] || options+=(-dict="$dictionary")
  "$FUZZ_DIR/bin/fuzz_$target" "${options[@]}" -artifact_prefix="$FUZZ_DIR/findings/$target-" \
    "$FUZZ_DIR/corpus/$target" "tests/fuzz/corpus/$target"
}

# The file of the input, or where the log is of a target that ended without one.
fuzz_finding() {
  local file
  file=$(sed -n 's/.*Test unit written to //p' "$1" | tail -n 1)
  echo "${file:-$1}"
}

fuzz_stat() {
  sed -n "s/^stat::$2: *//p" "$1" | tail -n 1 | grep . || echo 0
}

fuzz_edges() {
  grep -oE 'cov: [0-9]+' "$1" | tail -n 1 | grep -oE '[0-9]+' || echo 0
}

write_fuzz_report() {
  local target finding executed seconds edges inputs head
  head=$(git rev-parse --short HEAD)
  [[ -z $(git status --porcelain) ]] || head+=' with changes'
  cat <<TEXT
# Fuzzing

$(date --utc '+%Y-%m-%d %H:%M') UTC, commit $head, $(nproc) processors, $(clang++ --version | head -n 1).

Seconds are those of the last run, which may have gone on from one that was ended.

| target | executions | seconds | edges | inputs in the corpus | finding |
|---|---|---|---|---|---|
TEXT
  for target in "$@"; do
    IFS=$'\t' read -r finding executed seconds edges inputs <"$FUZZ_DIR/results/$target" || finding='no result'
    echo "| $target | ${executed:-} | ${seconds:-} | ${edges:-} | ${inputs:-} | ${finding#"$AUTHSTATE_ROOT"/} |"
  done
}

# run_fuzz_suite PATTERN: every target for a few seconds, after the inputs of its corpus; of ./dev test.
run_fuzz_suite() {
  local options=() report=$LOG_DIR/fuzz.xml
  [[ -z $1 ]] || options+=(--tests-regex "$1")
  rm -f "$report"
  build_fuzz_targets fuzz_targets
  step fuzz ctest --test-dir "$FUZZ_DIR/tests/fuzz" --output-on-failure --no-tests=ignore --parallel "$(nproc)" \
    --timeout 300 --output-junit "$report" "${options[@]}" || true
  tally_junit fuzz "$report"
}
