# shellcheck shell=bash
# Reporting of steps: one line each with the seconds it took, output in build/log/, shown only when the step fails.
# All of it goes to stderr: stdout belongs to what the command produces (a ready line, a summary).

LOG_DIR=$AUTHSTATE_ROOT/build/log

say() {
  echo "$*" >&2
}

die() {
  echo "./dev: $*" >&2
  exit 1
}

usage_error() {
  echo "./dev: $*" >&2
  exit 2
}

# step NAME COMMAND...: runs the command with its output in build/log/NAME.log and returns its status.
step() {
  local name=$1 status=0 began=$SECONDS log
  shift
  log=$LOG_DIR/$name.log
  mkdir -p "$LOG_DIR"
  printf '%-28s' "$name" >&2
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [[ $status -eq 0 ]]; then
    printf ' ok      %4d s\n' $((SECONDS - began)) >&2
  else
    printf ' FAILED  %4d s\n' $((SECONDS - began)) >&2
    show_failure "$log"
  fi
  return "$status"
}

# Shows of a log what a reader needs: from node:test the summary of failures, from a compilation its first fault, from
# anything else the end, without the lines of tests that passed.
show_failure() {
  local log=$1
  say "---- ${log#"$AUTHSTATE_ROOT"/}"
  if grep -q 'failing tests:$' "$log"; then
    sed -n '/failing tests:$/,$p' "$log" | head -n 120 >&2
  elif grep -q '^FAILED: ' "$log"; then
    sed -n '/^FAILED: /,$p' "$log" | cut -c 1-400 | head -n 40 >&2
  else
    grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed )' "$log" | tail -n 100 >&2 || true
  fi
  say '----'
}
