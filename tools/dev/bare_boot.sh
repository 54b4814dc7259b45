#!/usr/bin/env bash
# Becomes the systemd of a bare system (tools/dev/bare.sh), as the first process of namespaces of its own, without a way to
# the network: bare_boot.sh SYSTEM_DIR CGROUP PID_FILE. Leaves its process id, as others know it, in PID_FILE.
set -euo pipefail
system=$1 cgroup=$2 pid_file=$3
# shellcheck source=tools/dev/bare_mounts.sh
source "$(dirname "${BASH_SOURCE[0]}")/bare_mounts.sh"

# /proc is still that of the host.
read -r pid _ </proc/self/stat
# systemd wants a root that is a mount of its own.
mount --bind "$system" "$system"
mount_kernel_files "$system"
mount -t cgroup2 cgroup2 "$system/sys/fs/cgroup"
mkdir "$system/sys/fs/cgroup/$cgroup"
echo 0 >"$system/sys/fs/cgroup/$cgroup/cgroup.procs"
umount "$system/sys/fs/cgroup"
echo "$pid" >"$pid_file"

# shellcheck disable=SC2016  # for the shell that it is given to
# Its cgroup is the root of what it sees, and so is its system.
# Mounts are shared, as by other managers of containers: else those of credentials do not reach the services.
exec unshare --cgroup bash -euc '
  mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
  cd "$1"
  pivot_root . .
  umount --lazy .
  mount --make-rshared /
  exec env -i container=authstate PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --log-target=null' \
  bash "$system"
