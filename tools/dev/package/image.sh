# shellcheck shell=bash
# The file system of the container image: both programs, what they need, and nothing else; no shell, no package manager.
# deploy/Dockerfile makes the image of it where there is an engine, and package_oci where there is none.
# shellcheck source=tools/dev/package/closure.sh
source "$AUTHSTATE_ROOT/tools/dev/package/closure.sh"

# Who the programs run as. A number, so that whatever starts the image can see that it is not root.
IMAGE_USER=65532

# package_image: prints its path.
package_image() {
  local rootfs=build/package/rootfs
  rm -rf "$rootfs"
  step package-image fill_rootfs "$rootfs" || die 'the file system of the image cannot be made'
  echo "$rootfs"
}

# package_oci: the image as an archive of the Open Container Initiative's layout; prints its path.
package_oci() {
  local layout=build/package/oci archive=build/package/authstate-oci.tar
  package_image >/dev/null
  as_root rm -rf "$layout" "$archive"
  step package-oci pack_oci "$layout" "$archive" || die 'the image cannot be packed'
  echo "$archive"
}

# pack_oci LAYOUT ARCHIVE: what deploy/Dockerfile says of the image, but for its health check, which that layout has no
# place for.
pack_oci() {
  local layout=$1 archive=$2 port
  local ports=()
  for port in $(image_setting EXPOSE); do
    ports+=(--config.exposedports "$port")
  done
  as_root umoci init --layout "$layout" && as_root umoci new --image "$layout:latest" &&
    as_root umoci insert --image "$layout:latest" build/package/rootfs / &&
    as_root umoci config --image "$layout:latest" --config.user "$(image_setting USER)" \
      --config.workingdir "$(image_setting WORKDIR)" --config.volume "$(image_setting VOLUME)" \
      --config.env "$(image_setting ENV)" --config.stopsignal "$(image_setting STOPSIGNAL)" \
      --config.entrypoint "$(image_setting ENTRYPOINT)" "${ports[@]}" &&
    as_root umoci gc --layout "$layout" && tar --create --file "$archive" --directory "$layout" .
}

# image_setting INSTRUCTION: what the last stage of deploy/Dockerfile gives it.
image_setting() {
  sed -n "/^FROM scratch\$/,\$ s/^$1 //p" deploy/Dockerfile | sed 's|[]["]||g'
}

fill_rootfs() {
  local root=$1 library libraries
  mapfile -t libraries < <(shared_libraries build/bin/authstated build/bin/authstatectl) && [[ ${#libraries[@]} -gt 0 ]] &&
    install -d "$root"/{dev,proc,sys,run,usr/bin,etc/authstate} &&
    install -d -m 1777 "$root/tmp" &&
    install -m 755 --strip build/bin/authstated build/bin/authstatectl "$root/usr/bin" || return
  for library in "${libraries[@]}"; do
    # Where the programs and the dynamic linker look for it.
    install -D -m 755 "$library" "$root$library" || return
  done
  copy_licences "$root/usr/share/doc" "${libraries[@]}" &&
    install -D -m 644 LICENSE "$root/usr/share/doc/authstate/LICENSE" &&
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt" &&
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf" &&
    echo "authstate:x:$IMAGE_USER:$IMAGE_USER:authstated:/var/lib/authstate:/usr/sbin/nologin" >"$root/etc/passwd" &&
    echo "authstate:x:$IMAGE_USER:" >"$root/etc/group" &&
    as_root install -d -m 700 -o "$IMAGE_USER" -g "$IMAGE_USER" "$root/var/lib/authstate"
}
