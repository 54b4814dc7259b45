#!/bin/sh
# Serves a PostgreSQL of our own in the foreground, for tests: serve_postgres.sh DIR PORT [NAME=VALUE…]
#
# The cluster lives in DIR/data (made when it is not there), listens on 127.0.0.1:PORT alone and trusts its callers:
# postgresql://postgres@127.0.0.1:PORT/postgres. NAME=VALUE is a setting of the server. It ends with the process that
# started it. SIGINT stops it cleanly, SIGQUIT like a crash. Whoever starts it waits with pg_isready.
#
# With STANDBY_OF=PORT a DIR without a cluster becomes a standby, named "standby", of the server on that port.
#
# The first cluster is kept in ~/.cache/authstate, and those that follow are copies of it: to make one takes a processor
# longer than most tests do. All that shows it is their system identifier; with OWN_IDENTIFIER=1 it is no copy.
set -eu
# shellcheck source=tests/support/as_postgres.sh
. "$(dirname "$0")/as_postgres.sh"
dir=$1 port=$2
shift 2
own "$dir"
version=$({ "$bin/postgres" --version && cat "$0"; } | sha256sum | cut -c 1-16)
kept=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/authstate/cluster-$version

if [ ! -e "$dir/data/PG_VERSION" ]; then
  if [ -n "${STANDBY_OF:-}" ]; then
    (as_postgres INT "$bin/pg_basebackup" --pgdata="$dir/data" --checkpoint=fast --no-sync --write-recovery-conf \
      --dbname="host=127.0.0.1 port=$STANDBY_OF user=postgres application_name=standby") >"$dir/basebackup.log" 2>&1
  elif [ -z "${OWN_IDENTIFIER:-}" ] && [ -e "$kept" ]; then
    cp -a "$kept" "$dir/data"
  else
    (as_postgres INT "$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 \
      --locale=C.UTF-8 --no-sync) >"$dir/initdb.log" 2>&1
    # Whoever is the first to have a whole copy there keeps it.
    mkdir -p "$(dirname "$kept")"
    cp -a "$dir/data" "$kept.$$"
    mv -T "$kept.$$" "$kept" 2>/dev/null || rm -rf "$kept.$$"
  fi
fi

# Each NAME=VALUE becomes -c NAME=VALUE.
for setting in "$@"; do
  shift
  set -- "$@" -c "$setting"
done
as_postgres INT "$bin/postgres" -D "$dir/data" -c listen_addresses=127.0.0.1 -c port="$port" \
  -c unix_socket_directories= -c max_connections=200 "$@"
