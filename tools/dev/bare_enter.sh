#!/usr/bin/env bash
# Runs a command in a bare system (tools/dev/bare.sh), as the first process of a mount and a process namespace of its own:
# bare_enter.sh SYSTEM_DIR COMMAND...
set -euo pipefail
system=$1
shift
# shellcheck source=tools/dev/bare_mounts.sh
source "$(dirname "${BASH_SOURCE[0]}")/bare_mounts.sh"

mount_kernel_files "$system"
# What was compiled in such a system before, where the caller keeps it.
if [[ -n ${BARE_CCACHE:-} ]]; then
  mkdir -p "$BARE_CCACHE" "$system/root/.cache/ccache"
  mount --bind "$BARE_CCACHE" "$system/root/.cache/ccache"
fi
# Not exec: the first process of a namespace has to outlive the shell it waits for.
env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${CI:+CI="$CI"} \
  chroot "$system" "$@"
