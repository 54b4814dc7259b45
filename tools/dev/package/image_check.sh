# shellcheck shell=bash
# Whether the file system of the container image serves, by its own user, who can write to its data alone; and whether the
# archive has that file system, and says how it is run.

# check_image: of build/package/rootfs and build/package/authstate-oci.tar.
check_image() {
  said 'image' try_image && said 'OCI archive' try_oci
}

try_oci() {
  local folder status=0
  folder=$(mktemp -d)
  compare_oci "$folder" || status=$?
  rm -rf "$folder"
  return "$status"
}

compare_oci() {
  local folder=$1 instruction
  mkdir "$folder/layout" &&
    tar --extract --file build/package/authstate-oci.tar --directory "$folder/layout" &&
    umoci unpack --image "$folder/layout:latest" "$folder/bundle" || return
  diff <(owners_and_modes build/package/rootfs) <(owners_and_modes "$folder/bundle/rootfs") &&
    diff --recursive --no-dereference build/package/rootfs "$folder/bundle/rootfs" || return
  diff <(for instruction in USER WORKDIR VOLUME ENV STOPSIGNAL ENTRYPOINT EXPOSE; do
    echo "$instruction $(image_setting "$instruction")"
  done) <(node tools/dev/package/oci_settings.mjs "$folder/layout")
}

owners_and_modes() {
  find "$1" -printf '%P %y %m %U:%G %l\n' | sort
}

try_image() {
  local data status=0
  data=$(mktemp -d)
  chown "$IMAGE_USER:$IMAGE_USER" "$data"
  serve_from_image "$data" || status=$?
  rm -rf "$data"
  return "$status"
}

# in_image DATA_DIR PROGRAM...
in_image() {
  setpriv --pdeathsig TERM unshare --mount --propagation private --pid --fork --kill-child=TERM \
    bash tools/dev/package/image_enter.sh build/package/rootfs "$1" "$IMAGE_USER" "${@:2}"
}

serve_from_image() {
  local data=$1 time address server output process began
  for time in first second; do
    exec {output}< <(exec setpriv --pdeathsig TERM unshare --mount --propagation private --pid --fork --kill-child=TERM \
      bash tools/dev/package/image_enter.sh build/package/rootfs "$data" "$IMAGE_USER" \
      /usr/bin/authstated --listen 127.0.0.1:0 --log-level warn)
    server=$!
    IFS=, read -r -u "$output" began _ || return
    address=${began#authstated ready on }
    process=$(pgrep --newest --full "^/usr/bin/authstated --listen 127.0.0.1:0 --log-level warn$")
    [[ $(stat --format=%u "/proc/$process") == "$IMAGE_USER" ]] || { say 'it does not run as its own user' && return 1; }
    grep -q '^CapEff:\s*0*$' "/proc/$process/status" || { say 'it has capabilities' && return 1; }
    grep -q ' / ro,' "/proc/$process/mountinfo" || { say 'its root can be written to' && return 1; }
    in_image "$data" /usr/bin/authstatectl --address "$address" server health || return
    if [[ $time == first ]]; then
      in_image "$data" /usr/bin/authstatectl --address "$address" keys set image pre-key 1 '{"kept":true}' || return
    fi
    in_image "$data" /usr/bin/authstatectl --address "$address" keys get image pre-key 1 || return
    kill "$process"
    wait "$server" || { say "it ended with $?" && return 1; }
    exec {output}<&-
  done
  ! in_image "$data" /usr/bin/authstated --listen 127.0.0.1:0 --sqlite-path /etc/authstate/elsewhere.db ||
    { say 'it wrote to its root' && return 1; }
}
