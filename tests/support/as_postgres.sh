# shellcheck shell=sh
# Read by the scripts beside it. Sets $bin, the directory of the newest PostgreSQL server, and defines
#   own DIR            makes DIR, and gives it to the account that PostgreSQL runs under
#   as_postgres SIGNAL COMMAND…  takes the place of the shell with the command, under that account; SIGNAL is sent to it
#                      when the process that started it ends
# PostgreSQL and PgBouncer refuse to run as root; others run them as themselves.

bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
if [ -z "$bin" ]; then
  echo "$0: no PostgreSQL server under /usr/lib/postgresql; run ./dev deps" >&2
  exit 1
fi

own() {
  mkdir -p "$1"
  [ "$(id -u)" -ne 0 ] || chown -R postgres "$1"
}

as_postgres() {
  signal=$1
  shift
  if [ "$(id -u)" -eq 0 ]; then
    exec setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig="$signal" "$@"
  fi
  exec setpriv --pdeathsig="$signal" "$@"
}
