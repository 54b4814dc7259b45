#!/bin/sh
# serve_postgres.sh with a file system of its own for one folder: serve_postgres_with_small_disk.sh DIR PORT MEGABYTES
#
# DIR/small holds MEGABYTES and is there for PostgreSQL alone: others reach it as /proc/PID/root/DIR/small. It goes with
# the process, as it is mounted in a mount namespace of its own: as root, or else in a user namespace.
set -eu
dir=$1 port=$2 megabytes=$3
here=$(dirname "$0")

if [ "$(id -u)" -eq 0 ]; then
  set -- --mount
else
  set -- --user --map-current-user --keep-caps --mount
fi
mkdir -p "$dir/small"
# shellcheck disable=SC2016  # the inner shell expands its own
exec unshare "$@" --propagation private /bin/sh -eu -c '
  mount -t tmpfs -o size="$3"m,mode=0755 authstate-test "$1/small"
  mkdir "$1/small/databases"
  exec /bin/sh "$4/serve_postgres.sh" "$1" "$2"
' sh "$dir" "$port" "$megabytes" "$here"
