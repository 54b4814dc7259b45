#!/bin/sh
# Serves a PgBouncer of our own in the foreground, for tests: serve_pgbouncer.sh DIR PORT MODE POSTGRES_PORT POOL_SIZE
#
# It listens on 127.0.0.1:PORT alone, trusts the role postgres, and hands every database on to the server on
# POSTGRES_PORT. MODE is `transaction` or `session`; POOL_SIZE bounds the server connections of one database. As a hosted
# pooler it ignores no start-up parameter and keeps no prepared statements. It ends with the process that started it;
# SIGTERM ends it at once.
set -eu
# shellcheck source=tests/support/as_postgres.sh
. "$(dirname "$0")/as_postgres.sh"
dir=$1 port=$2 mode=$3 postgres_port=$4 pool_size=$5

pgbouncer=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)
# From 1.21 on it knows prepared statements, and keeps them (from 1.24 on by default) unless it is told not to; before,
# it refuses to start with a setting that it does not know.
version=$("$pgbouncer" --version | sed -n 's/^PgBouncer //p')
keeps_statements=
[ "$(printf '%s\n' 1.21 "$version" | sort -V | head -n 1)" != 1.21 ] || keeps_statements='max_prepared_statements = 0'

mkdir -p "$dir"
echo '"postgres" ""' >"$dir/users"
# Idle server connections are closed soon, as every test brings a database of its own.
cat >"$dir/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$postgres_port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $dir/users
pool_mode = $mode
default_pool_size = $pool_size
max_client_conn = 1000
server_idle_timeout = 2
server_login_retry = 1
$keeps_statements
INI
own "$dir"
as_postgres TERM "$pgbouncer" --quiet "$dir/pgbouncer.ini"
