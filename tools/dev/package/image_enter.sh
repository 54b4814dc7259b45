#!/usr/bin/env bash
# Runs a program of the container image as an engine does with --read-only: image_enter.sh ROOT_DIR DATA_DIR USER PROGRAM...
# As the first process of a mount and a process namespace of its own.
set -euo pipefail
root=$1 data=$2 user=$3
shift 3

mount --bind "$root" "$root"
mount --bind "$data" "$root/var/lib/authstate"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"
# Not exec: what it starts is to take signals as any process does, and the first of a namespace does not.
env -i PATH="$PATH" SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
  setpriv --no-new-privs unshare --root="$root" --wd=/var/lib/authstate --setgid="$user" --setuid="$user" "$@" &
trap 'kill -TERM $!' TERM
status=0
wait $! || status=$?
# The signal interrupts the first wait.
[[ $status -le 128 ]] || { status=0 && wait $! || status=$?; }
exit "$status"
