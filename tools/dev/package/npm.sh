# shellcheck shell=bash
# The npm packages of the server: @authstate/server, which is JavaScript, and for each platform one with the program. The
# program brings every library along but glibc, which is why it runs on any Linux that has no older glibc than this one.
# shellcheck source=tools/dev/package/closure.sh
source "$AUTHSTATE_ROOT/tools/dev/package/closure.sh"

SERVER_PACKAGE=client/server-npm
# These are glibc's own: they belong to the kernel and the dynamic linker that are there.
GLIBC_LIBRARIES='/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|anl|nss_[a-z]+))\.so'

# package_npm: prints the paths of both.
package_npm() {
  local version packed=build/package/npm
  [[ $(uname -m) == x86_64 ]] || die 'there is no npm package for this kind of machine'
  version=$(sed -nE 's/^project\(authstate VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt)
  ensure_node
  ensure_npm_packages client/node
  rm -rf "$packed" build/package/authstate-server-*.tgz
  step package-npm pack_server "$packed" "$version" || die 'the npm packages cannot be made'
  printf '%s\n' build/package/authstate-server-{,linux-x64-}"$version".tgz
}

# pack_server FOLDER VERSION
pack_server() {
  local platform=$1/linux-x64
  check_versions "$2" && fill_platform "$platform" && (cd "$platform" && ./bin/authstated --version) &&
    npm pack "./$platform" "./$SERVER_PACKAGE" --pack-destination build/package
}

check_versions() {
  # shellcheck disable=SC2016  # JavaScript
  node -e '
    const [version, ...files] = process.argv.slice(1);
    for (const file of files) {
      const { name, version: own, optionalDependencies = {} } = require(require("node:path").resolve(file));
      for (const [what, is] of Object.entries({ [name]: own, ...optionalDependencies })) {
        if (is !== version) throw new Error(`${file}: ${what} is ${is}, and CMakeLists.txt says ${version}`);
      }
    }' "$1" "$SERVER_PACKAGE/package.json" "$SERVER_PACKAGE/linux-x64/package.json"
}

fill_platform() {
  local folder=$1 libraries library
  mapfile -t libraries < <(shared_libraries build/bin/authstated | grep -vE "$GLIBC_LIBRARIES") &&
    [[ ${#libraries[@]} -gt 0 ]] && install -d "$folder/bin" "$folder/lib" || return
  install -m 755 --strip build/bin/authstated "$folder/bin" &&
    # For the libraries of its libraries too, which the newer kind of path is not.
    patchelf --force-rpath --set-rpath "\$ORIGIN/../lib" "$folder/bin/authstated" || return
  for library in "${libraries[@]}"; do install -m 644 "$library" "$folder/lib" || return; done
  copy_licences "$folder/licenses" "${libraries[@]}" && install -D -m 644 LICENSE "$folder/licenses/authstate/LICENSE" &&
    cp "$SERVER_PACKAGE/linux-x64/README.md" "$folder" &&
    node -e '
      const [from, to, glibc] = process.argv.slice(1);
      const description = { ...JSON.parse(fs.readFileSync(from)), authstate: { glibc } };
      fs.writeFileSync(to, JSON.stringify(description, null, 2) + "\n");' \
      "$SERVER_PACKAGE/linux-x64/package.json" "$folder/package.json" "$(needed_glibc "$folder"/bin/* "$folder"/lib/*)"
}

# The newest version of glibc that any of the files asks for.
needed_glibc() {
  objdump --private-headers "$@" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1 | sed 's/GLIBC_//'
}
