# shellcheck shell=bash
# The file system of the container image: both programs, what they need, and nothing else; no shell, no package manager.
# deploy/Dockerfile makes the image of it.
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
