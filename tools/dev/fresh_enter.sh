#!/usr/bin/env bash
# Enters the bare system of ./dev fresh, as the first process of a mount and a process namespace of its own:
# fresh_enter.sh SYSTEM_DIR
set -euo pipefail
system=$1

mount -t proc proc "$system/proc"
mount -t sysfs -o ro sysfs "$system/sys"
mount -t tmpfs -o mode=755 tmpfs "$system/dev"
for device in null zero full random urandom tty; do
  touch "$system/dev/$device"
  mount --bind "/dev/$device" "$system/dev/$device"
done
mkdir "$system/dev/shm" "$system/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$system/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$system/dev/pts"
ln -s pts/ptmx "$system/dev/ptmx"
ln -s /proc/self/fd "$system/dev/fd"
ln -s fd/0 "$system/dev/stdin"
ln -s fd/1 "$system/dev/stdout"
ln -s fd/2 "$system/dev/stderr"

# Not exec: the first process of a namespace has to outlive the shell it waits for.
env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${CI:+CI="$CI"} \
  chroot "$system" bash /root/authstate/tools/dev/fresh_inside.sh
