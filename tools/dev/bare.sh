# shellcheck shell=bash
# Bare Debians, made once with debootstrap and kept, and throwaway copies of them in which commands run. Needs root.
# shellcheck source=tools/dev/packages.sh
source "$AUTHSTATE_ROOT/tools/dev/packages.sh"

BARE_DIR=${AUTHSTATE_FRESH_DIR:-/var/cache/authstate-fresh}
# The copy there is, what runs in it, and its cgroup while it is booted.
bare_system='' bare_process='' bare_cgroup=''
HOST_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

# What a command that uses these says in its help.
bare_usage() {
  cat <<'TEXT'
The host hands in its CA bundle, its resolver settings, its apt mirror and proxy, and what says where npm and Go
download from. The environment: AUTHSTATE_FRESH_DIR (default /var/cache/authstate-fresh) holds the systems.
TEXT
}

# suite_of DEBIAN_VERSION
suite_of() {
  case $1 in
    12) echo bookworm ;;
    13) echo trixie ;;
    *) return 1 ;;
  esac
}

# copy_bare_system SUITE: leaves the path of a copy that is thrown away with this process in `bare_system`. One at a time.
copy_bare_system() {
  local suite=$1
  mkdir -p "$BARE_DIR"
  ensure_base "$suite"
  # What a killed run could not remove.
  find "$BARE_DIR" -mindepth 1 -maxdepth 1 -name 'run-*' -mtime +1 -exec rm -rf --one-file-system {} +
  bare_system=$(mktemp -d "$BARE_DIR/run-$suite.XXXXXX")
  trap drop_bare_system EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  step "copy-$suite" cp -a --reflink=auto "$BARE_DIR/$suite/." "$bare_system"
  hand_in_settings "$bare_system"
}

drop_bare_system() {
  trap - EXIT
  if [[ -n $bare_cgroup ]]; then
    halt_bare_system
  elif [[ -n $bare_process ]]; then
    kill "$bare_process" 2>/dev/null || true
    wait "$bare_process" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$bare_system"
}

# in_bare_system LIMIT COMMAND...: runs the command in the copy, for so long at most. In a process and a mount namespace
# of its own: when the first process in them ends, all others and all mounts do.
in_bare_system() {
  local limit=$1
  shift
  in_namespaces "$limit" --mount --propagation private --pid --fork --kill-child=KILL \
    bash tools/dev/bare_enter.sh "$bare_system" "$@"
}

# boot_bare_system LIMIT: starts the systemd of the copy, for so long at most; in_booted_system COMMAND... runs a command
# there, and halt_bare_system ends it.
boot_bare_system() {
  local limit=$1 pid_file
  pid_file=$(mktemp)
  bare_cgroup=authstate-$(basename "$bare_system")
  setpriv --pdeathsig TERM timeout --kill-after=10s "$limit" unshare --mount --propagation private --pid --net --ipc --uts \
    --fork --kill-child=KILL bash tools/dev/bare_boot.sh "$bare_system" "$bare_cgroup" "$pid_file" </dev/null &
  bare_process=$!
  # Its exit code tells that a unit failed, and on Debian 13 one does: the kernel is of the host.
  until [[ -s $pid_file && $(in_booted_system systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; do
    kill -0 "$bare_process" 2>/dev/null || die 'the systemd of the bare system ended'
    booted_pid=$(cat "$pid_file")
    sleep 0.1
  done
  rm "$pid_file"
}

in_booted_system() {
  nsenter --target "$booted_pid" --mount --pid --net --ipc --uts --cgroup --root --wd \
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@" </dev/null
}

halt_bare_system() {
  kill "$bare_process" 2>/dev/null || true
  wait "$bare_process" 2>/dev/null || true
  bare_process=
  # What ends with the first process of a namespace may need a moment longer than that.
  # shellcheck disable=SC2016  # for the shell that it is given to
  unshare --mount bash -c '
    mount -t cgroup2 cgroup2 /mnt
    for ((tries = 0; tries < 100; tries++)); do
      find "/mnt/$1" -depth -type d -exec rmdir {} + 2>/dev/null && exit
      sleep 0.1
    done
    exit 1' bash "$bare_cgroup" || say "a cgroup was left behind: $bare_cgroup"
  bare_cgroup=
}

# in_namespaces LIMIT UNSHARE_ARGUMENT...
in_namespaces() {
  local limit=$1 status=0
  shift
  setpriv --pdeathsig TERM timeout --kill-after=10s "$limit" unshare "$@" </dev/null &
  bare_process=$!
  wait "$bare_process" || status=$?
  bare_process=
  [[ $status -ne 124 ]] || say "stopped after $limit"
  return "$status"
}

ensure_base() {
  local suite=$1 base=$BARE_DIR/$1 mirror
  [[ -e $base ]] && return
  mirror=$(host_mirror)
  rm -rf "$base.part"
  # shellcheck disable=SC2086  # no mirror is no argument: debootstrap knows one
  step "debootstrap-$suite" debootstrap --variant=minbase --include=git,ca-certificates "$suite" "$base.part" $mirror ||
    die "could not make a bare $suite"
  mv "$base.part" "$base"
}

# Where this host gets its own release from, when it is a Debian.
host_mirror() {
  local release
  grep -q '^ID=debian$' /etc/os-release || return 0
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  apt-get indextargets --format "\$(SITE) \$(RELEASE)" | awk -v release="$release" '$2 == release { print $1; exit }'
}

# What this host needs to reach the outside, as the bare system's own settings.
hand_in_settings() {
  local system=$1 name
  cp --dereference /etc/resolv.conf "$system/etc/resolv.conf"
  cp --dereference "$HOST_CA_BUNDLE" "$system$HOST_CA_BUNDLE"
  apt-config dump 2>/dev/null | grep -E '^Acquire::(https?::Proxy|Check-(Date|Valid-Until)) ' \
    >"$system/etc/apt/apt.conf.d/90host" || true
  # The copy is thrown away: no need to wait for the disk after each package.
  echo force-unsafe-io >"$system/etc/dpkg/dpkg.cfg.d/unsafe-io"
  {
    for name in $(compgen -e); do
      case $name in
        npm_config_* | NPM_CONFIG_* | GOPROXY | GOSUMDB | GONOSUMDB | GOPRIVATE | GOINSECURE) print_setting "$name" ;;
        http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY) print_setting "$name" ;;
        *) [[ ${!name} != "$HOST_CA_BUNDLE" && ${!name} != "$(dirname "$HOST_CA_BUNDLE")" ]] || print_setting "$name" ;;
      esac
    done
  } >"$system/root/host-environment"
  [[ ! -e $HOME/.npmrc ]] || cp "$HOME/.npmrc" "$system/root/.npmrc"
}

print_setting() {
  printf 'export %s=%q\n' "$1" "${!1}"
}
