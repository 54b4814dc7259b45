# shellcheck shell=bash
# What a program needs at run time: the shared libraries that it was linked to, and who may be thanked for them.

# shared_libraries PROGRAM...: the path of each, once, the dynamic linker among them. Fails where one is missing.
shared_libraries() {
  local found
  found=$(ldd "$@") || return
  if grep -q 'not found' <<<"$found"; then
    grep 'not found' <<<"$found" | sort -u >&2
    return 1
  fi
  grep -oE '/[^ ]+\.so[^ ]*' <<<"$found" | sort -u
}

# copy_licences FOLDER LIBRARY...: FOLDER/PACKAGE/copyright of each package that a library is of.
copy_licences() {
  local folder=$1 package
  shift
  # The packages know their files by the paths behind the links of a merged /usr, or by those of before.
  for package in $({ realpath "$@" && realpath "$@" | sed 's|^/usr/|/|'; } | xargs dpkg --search 2>/dev/null |
    sed 's/:.*//' | sort -u); do
    install -D -m 644 "/usr/share/doc/$package/copyright" "$folder/$package/copyright"
  done
}
