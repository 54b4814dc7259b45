# shellcheck shell=bash
# Counts tests over the runners' reports.

passed=0
failed=0
skipped=0

tally() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + $3))
}

# tally_junit NAME FILE: what ctest --output-junit wrote. A suite that left no report failed.
tally_junit() {
  local tests failures not_run
  if [[ ! -s $2 ]]; then
    say "$1: ctest left no report"
    tally 0 1 0
    return
  fi
  tests=$(junit_count "$2" tests)
  failures=$(junit_count "$2" failures)
  not_run=$(($(junit_count "$2" skipped) + $(junit_count "$2" disabled)))
  tally $((tests - failures - not_run)) "$failures" "$not_run"
}

junit_count() {
  grep -m 1 -oE "\\<$2=\"[0-9]+\"" "$1" | tr -dc '0-9'
}

# tally_node_test NAME LOG STATUS: what node:test wrote, once for every `node --test` of the log. A suite without any
# count, or that failed without a failed test, counts as one failure.
tally_node_test() {
  local pass fail skip
  pass=$(node_test_count "$2" pass)
  fail=$(($(node_test_count "$2" fail) + $(node_test_count "$2" cancelled)))
  skip=$(($(node_test_count "$2" skipped) + $(node_test_count "$2" todo)))
  if [[ $((pass + fail)) -eq 0 || ($3 -ne 0 && $fail -eq 0) ]]; then
    say "$1: ended with status $3 after $pass passed and $fail failed tests"
    fail=$((fail + 1))
  fi
  tally "$pass" "$fail" "$skip"
}

node_test_count() {
  awk -v word="$2" '$2 == word && NF == 3 && $3 ~ /^[0-9]+$/ { sum += $3 } END { print sum + 0 }' "$1"
}

# The last line of a run; its status is the run's.
print_tally() {
  local line="$passed passed, $failed failed"
  [[ $skipped -eq 0 ]] || line+=", $skipped skipped"
  echo "$line"
  [[ $failed -eq 0 && $passed -gt 0 ]]
}
