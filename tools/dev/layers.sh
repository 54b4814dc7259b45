# shellcheck shell=bash
# The layer rules of ARCHITECTURE.md, checked on #include lines.

layers_broken=0

# forbid WHAT INCLUDED_PATTERN PATH...: no C++ file under the paths includes something that matches.
forbid() {
  local what=$1 pattern=$2 found
  shift 2
  found=$(git ls-files --cached --others --exclude-standard -- "$@" | grep -E '\.(h|cc)$' |
    xargs -r grep -nE "^#include [\"<]($pattern)" /dev/null) || true
  if [[ -n $found ]]; then
    printf '%s\n%s\n' "$what" "$found"
    layers_broken=1
  fi
}

check_layers() {
  local driver other drivers=(memory postgres sqlite)
  forbid 'The contract stands on itself: no other layer, no RPC.' \
    '(server|client|storage|profiles|migrations|tests|authstate|google|grpc|grpcpp)/' contract
  forbid 'Storage knows neither the server, nor clients, nor what chooses and changes a store, nor RPCs.' \
    '(server|client|profiles|migrations|tests|authstate|google|grpc|grpcpp)/' storage
  forbid 'What all stores share stands on none of them.' 'storage/(memory|postgres|sqlite|decorators|failpoints)/' \
    ':(glob)storage/*'
  for driver in "${drivers[@]}"; do
    for other in "${drivers[@]}" decorators failpoints; do
      [[ $driver == "$other" ]] || forbid "The $driver driver knows no other." "storage/$other/" "storage/$driver"
    done
  done
  forbid 'A decorator stands on storage/backend.h, not on a driver.' 'storage/(memory|postgres|sqlite)/' storage/decorators \
    storage/failpoints
  forbid 'Profiles turn options into those of a driver, and know no more.' \
    '(server|client|migrations|tests|authstate|google|grpc|grpcpp)/|storage/(memory|sqlite|decorators)/' profiles
  forbid 'Migrations stand on storage and know no RPC.' '(server|client|tests|authstate|google|grpc|grpcpp)/' migrations
  forbid 'Clients reach storage through the contract, profiles and migrations.' '(storage|server)/' client
  forbid 'Only server/app.cc names drivers and decorators.' 'storage/(memory|postgres|sqlite|decorators|failpoints)/' \
    server ':!server/app.cc'
  forbid 'Only tests include tests.' 'tests/' server client
  return "$layers_broken"
}
