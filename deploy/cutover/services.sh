#!/bin/sh
# Starts and stops the services that PM2 or systemd runs, for the evening of evening.toml:
#   services.sh pm2|systemd start supabase|timeweb NAME…          each then runs on that database, after a boot too
#   services.sh pm2|systemd stop NAME…                            each has then ended
#   services.sh pm2|systemd check supabase|timeweb|stopped NAME…  exit code 0 if that is so
# A service takes its database from USE_LEGACY_SUPABASE, as authstated does: false is timeweb, anything else supabase.
# What a process has in its environment counts here, and not what a file says that it should have.
set -eu
runner=$1 verb=$2
shift 2

legacy_of() {
  case $1 in
    supabase) echo true ;;
    timeweb) echo false ;;
    *)
      echo "services.sh: supabase or timeweb is expected, not '$1'" >&2
      exit 2
      ;;
  esac
}

# PM2 hands the environment that it is called with on to the service: that has one of its own, with a token of its own.
start_pm2() {
  legacy=$1
  shift
  env -i HOME="$HOME" PATH="$PATH" PM2_HOME="${PM2_HOME:-$HOME/.pm2}" USE_LEGACY_SUPABASE="$legacy" \
    pm2 restart "$@" --update-env
  pm2 save
}
stop_pm2() { pm2 stop "$@"; }
# Of each service its name and the id of its process, 0 where it is stopped; a line each.
pids_pm2() {
  pm2 jlist | node -e '
    const apps = JSON.parse(require("fs").readFileSync(0, "utf8"));
    for (const { name, pid } of apps.filter(({ name }) => process.argv.includes(name, 1))) console.log(name, pid);
  ' "$@"
}

start_systemd() {
  legacy=$1
  shift
  for name in "$@"; do
    mkdir -p "/etc/systemd/system/$name.service.d"
    printf '[Service]\nEnvironment=USE_LEGACY_SUPABASE=%s\n' "$legacy" >"/etc/systemd/system/$name.service.d/database.conf"
  done
  systemctl daemon-reload
  systemctl restart "$@"
}
stop_systemd() { systemctl stop "$@"; }
# systemctl show knows every name, and says 0 of what is no service.
pids_systemd() {
  for name in "$@"; do
    ! systemctl cat "$name" >/dev/null || echo "$name $(systemctl show --property MainPID --value "$name")"
  done
}

check() {
  expected=$1
  shift
  all=$("pids_$runner" "$@")
  for name in "$@"; do
    pids=$(echo "$all" | sed -n "s/^$name //p")
    [ -n "$pids" ] || fail "$runner knows no $name"
    for pid in $pids; do
      if [ "$expected" = stopped ]; then
        [ "$pid" = 0 ] || fail "$name runs"
      else
        [ "$pid" != 0 ] || fail "$name is stopped"
        tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "USE_LEGACY_SUPABASE=$(legacy_of "$expected")" ||
          fail "$name does not run on $expected"
      fi
    done
  done
}
fail() {
  echo "services.sh: $1" >&2
  exit 1
}

case $verb in
  start)
    legacy=$(legacy_of "$1")
    shift
    "start_$runner" "$legacy" "$@"
    ;;
  stop) "stop_$runner" "$@" ;;
  check) check "$@" ;;
  *)
    echo "services.sh: start, stop or check is expected, not '$verb'" >&2
    exit 2
    ;;
esac
