# shellcheck shell=sh
# Read by the scripts beside it. Sets $bin, the directory of the PostgreSQL server (initdb, postgres, pg_basebackup):
# $AUTHSTATE_TEST_POSTGRES_BIN, which the account "postgres" must be able to read, or that of the newest one that is
# installed. Defines
#   own DIR            makes DIR, and gives it to the account that PostgreSQL runs under
#   as_postgres SIGNAL COMMAND…  takes the place of the shell with the command, under that account; SIGNAL is sent to it
#                      when the process that started it ends
# PostgreSQL and PgBouncer refuse to run as root; others run them as themselves.

bin=${AUTHSTATE_TEST_POSTGRES_BIN:-$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)}
if [ ! -x "$bin/postgres" ]; then
  echo "$0: no PostgreSQL server in ${bin:-/usr/lib/postgresql}; run ./dev deps, or name the folder of one in" \
    "AUTHSTATE_TEST_POSTGRES_BIN" >&2
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
