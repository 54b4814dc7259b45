#!/bin/sh
# Serves a PostgreSQL of our own in the foreground, for tests: serve_postgres.sh DIR PORT
#
# The cluster lives in DIR/data (made when it is not there), listens on 127.0.0.1:PORT alone and trusts its callers:
# postgresql://postgres@127.0.0.1:PORT/postgres. It ends with the process that started it. SIGINT stops it cleanly,
# SIGQUIT like a crash. Whoever starts it waits with pg_isready.
set -eu
dir=$1 port=$2

bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
if [ -z "$bin" ]; then
  echo "serve_postgres.sh: no PostgreSQL server under /usr/lib/postgresql; run ./dev deps" >&2
  exit 1
fi

# PostgreSQL refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then
  mkdir -p "$dir"
  chown postgres "$dir"
  as_user='setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig=INT'
else
  as_user='setpriv --pdeathsig=INT'
fi

if [ ! -e "$dir/data/PG_VERSION" ]; then
  $as_user "$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
    --no-sync >"$dir/initdb.log" 2>&1
fi
exec $as_user "$bin/postgres" -D "$dir/data" -c listen_addresses=127.0.0.1 -c port="$port" \
  -c unix_socket_directories= -c max_connections=200
