#!/usr/bin/env bash
# Inside the bare system of ./dev fresh: the two commands a stranger would type, timed.
set -euo pipefail
# shellcheck source=/dev/null
source /root/host-environment
cd /root/authstate

READY_LIMIT=1200
HEALTH=grpc.health.v1.Health/Check

times=()

# timed NAME COMMAND...
timed() {
  local name=$1 began=$SECONDS status=0
  shift
  echo "== $name"
  "$@" || status=$?
  [[ $status -eq 0 ]] || name+=' (failed)'
  times+=("$(printf '%-36s %5d s' "$name" $((SECONDS - began)))")
  return "$status"
}

serve_until_ready() {
  local began=$SECONDS
  # A port of its own choice: the network is the host's.
  : >/tmp/run.out
  ./dev run --listen 127.0.0.1:0 >>/tmp/run.out &
  server=$!
  until grep -q '^authstated ready on ' /tmp/run.out; do
    kill -0 "$server" 2>/dev/null || { echo 'authstated ended before it was ready'; return 1; }
    [[ $((SECONDS - began)) -lt $READY_LIMIT ]] || { echo "no ready line after $READY_LIMIT s"; return 1; }
    sleep 0.2
  done
  cat /tmp/run.out
}

check_health() {
  local address answer
  address=$(sed -nE 's/^authstated ready on ([^,]+),.*/\1/p' /tmp/run.out)
  PATH=$PATH:$(echo /root/.cache/authstate/grpcurl-*)
  answer=$(grpcurl -plaintext -max-time 10 "$address" "$HEALTH")
  echo "$answer"
  [[ $answer == *'"SERVING"'* ]]
}

stop_server() {
  kill -TERM "$server" && wait "$server"
}

trap 'printf "%s\n" "== times" "${times[@]}"' EXIT
sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release
echo "$(nproc) cores, $(git log -1 --format='%h %s')"
timed './dev run, to the ready line' serve_until_ready
timed './dev deps test' ./dev deps test
timed 'health check' check_health
timed 'clean stop' stop_server
timed './dev test' ./dev test
