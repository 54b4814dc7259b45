#!/usr/bin/env bash
# Runs a command in a bare system (tools/dev/bare.sh), as the first process of a mount and a process namespace of its own:
# bare_enter.sh SYSTEM_DIR COMMAND...
set -euo pipefail
system=$1
shift
# shellcheck source=tools/dev/bare_mounts.sh
source "$(dirname "${BASH_SOURCE[0]}")/bare_mounts.sh"

mount_kernel_files "$system"
# Not exec: the first process of a namespace has to outlive the shell it waits for.
env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${CI:+CI="$CI"} \
  chroot "$system" "$@"
