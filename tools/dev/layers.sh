# shellcheck shell=bash
# The layer rules of ARCHITECTURE.md, checked on #include lines and on the imports of the Node client.

layers_broken=0

# in_order FOLDER ROOM...: within the folder, a room knows those before it and none after.
in_order() {
  local folder=$1 later room
  shift
  while (($# > 1)); do
    room=$1
    shift
    later=$(printf '|%s' "$@")
    forbid "$folder/$room stands below ${*}." "$folder/(${later:1})/" "$folder/$room"
  done
}

# forbid WHAT INCLUDED_PATTERN PATH...: no C++ file under the paths includes something that matches.
forbid() {
  forbid_lines "$1" '\.(h|cc)$' "^#include [\"<]($2)" "${@:3}"
}

# allow_imports WHAT IMPORTED_PATTERN PATH...: no TypeScript file under the paths imports a path that does not match.
allow_imports() {
  forbid_lines "$1" '\.ts$' "(from |import\\()\"(?!$2)" "${@:3}"
}

# forbid_lines WHAT FILE_PATTERN LINE_PATTERN PATH...
forbid_lines() {
  local found
  found=$(git ls-files --cached --others --exclude-standard -- "${@:4}" | grep -E "$2" |
    xargs -r grep -nP "$3" /dev/null) || true
  if [[ -n $found ]]; then
    printf '%s\n%s\n' "$1" "$found"
    layers_broken=1
  fi
}

# A room that has more is two.
MOST_HEADERS=20

forbid_crowds() {
  local crowds
  crowds=$(git ls-files --cached --others --exclude-standard -- '*.h' | xargs -n1 dirname | sort | uniq -c |
    awk -v most="$MOST_HEADERS" '$1 > most { print $2 ": " $1 }')
  if [[ -n $crowds ]]; then
    printf 'No folder has more than %s headers.\n%s\n' "$MOST_HEADERS" "$crowds"
    layers_broken=1
  fi
}

# Paths are relative: "./" is the importing file's own folder, and a room has no folders but src/gen.
check_node_layers() {
  local src=client/node/src room below='errors|home_owner|limits|logger|names|gen' package='[a-z@]'
  for room in codec rpc pipe connection writes session baileys folder; do
    allow_imports "$src/$room knows $below and packages." "$package|\./|\.\./($below)[./]" "$src/$room"
    below+="|$room"
  done
  allow_imports 'What every room of the client knows stands on none of them but the codec.' \
    "$package|\./(errors|home_owner|limits|gen|codec)[./]" "$src"/{errors,home_owner,limits,logger,names}.ts
}

check_tables_layers() {
  local src=client/tables/src room below='database_name|errors|logger|pacing' package='[a-z@]'
  for room in request answer serving sending reading writing; do
    allow_imports "$src/$room knows $below and packages." "$package|\./|\.\./($below)[./]" "$src/$room"
    below+="|$room"
  done
}

check_layers() {
  local driver other drivers=(memory postgres sqlite) over='moving|decorators|failpoints|write_behind'
  forbid 'The contract stands on itself: no other layer, no RPC.' \
    '(server|client|storage|tokens|keyring|profiles|migrations|tests|authstate|google|grpc|grpcpp)/' contract
  forbid 'The keyring stands on itself.' \
    '(server|client|storage|contract|tokens|profiles|migrations|tests|authstate|google|grpc|grpcpp)/' keyring
  forbid 'Storage knows neither the server, nor clients, nor what chooses and changes a store, nor RPCs.' \
    '(server|client|tokens|profiles|migrations|tests|authstate|google|grpc|grpcpp)/' storage
  forbid 'What all stores share stands on none of them.' "storage/(memory|postgres|sqlite|$over)/" \
    ':(glob)storage/*' storage/batches storage/counts storage/grants storage/near storage/sealing
  for driver in "${drivers[@]}"; do
    for other in "${drivers[@]}" "($over)"; do
      [[ $driver == "$other" ]] || forbid "The $driver driver knows no other." "storage/$other/" "storage/$driver"
    done
  done
  in_order storage/postgres sql connection layout session schema
  forbid 'Only postgres_backend.cc and users of the driver know the whole of it.' 'storage/postgres/postgres_backend.h' \
    ':(glob)storage/postgres/*/*'
  forbid 'A decorator stands on storage/backend.h, not on a driver.' 'storage/(memory|postgres|sqlite)/' storage/decorators \
    storage/moving storage/failpoints storage/write_behind
  forbid 'What moves sessions knows any two stores, and not what chooses between them.' \
    'storage/(decorators|failpoints|write_behind)/' storage/moving
  forbid 'Tokens stand on what all stores share, and know no RPC.' \
    "(server|client|profiles|migrations|tests|authstate|google|grpc|grpcpp)/|storage/(memory|postgres|sqlite|$over)/" tokens
  forbid 'Profiles turn options into those of a driver, and know no more.' \
    "(server|client|migrations|tests|authstate|google|grpc|grpcpp)/|storage/(memory|sqlite|$over)/" profiles
  forbid 'Migrations stand on drivers and know no RPC.' \
    "(server|client|tests|authstate|google|grpc|grpcpp)/|storage/($over)/" migrations
  forbid 'Moving tables takes connections and profiles, and knows nothing of sessions.' \
    'migrations/([a-z_]+\.h|cutover/|decommission/)|storage/(sqlite|memory)/|storage/postgres/(layout|session|schema|sql)/' \
    migrations/tables
  forbid 'The evening of a move stands on the moving of tables, and knows nothing of sessions.' \
    'migrations/([a-z_]+\.h|decommission/)|storage/(sqlite|memory|postgres)/' migrations/cutover
  forbid 'Decommissioning takes databases as tables are moved between, and knows nothing of sessions.' \
    'migrations/([a-z_]+\.h|cutover/)|storage/(sqlite|memory|postgres)/' migrations/decommission
  forbid 'Nothing else that changes a store knows the tables beside it.' 'migrations/(tables|cutover|decommission)/' \
    ':(glob)migrations/*'
  forbid 'Clients reach storage through the contract, tokens, profiles and migrations.' '(storage|server)/' client
  forbid 'The client of C++ programs stands on the contract alone.' '(tokens|profiles|migrations|client/cli)/' client/cpp
  in_order client/cli terminal status folder check stores backup commands
  forbid 'What commands share does not know them.' 'client/cli/(status|check|stores|backup|commands)/' ':(glob)client/cli/*' \
    ':!client/cli/main.cc'
  forbid 'What meets the terminal and folders stands below the rest.' 'client/cli/[a-z_]+\.h' \
    client/cli/{terminal,status,folder,check,stores,backup}
  forbid 'The server knows no clients and changes no schema by itself.' '(client|migrations)/' server
  forbid 'Only server/databases.cc names drivers and decorators.' \
    "storage/(memory|postgres|sqlite|$over)/" server ':!server/databases.*'
  in_order server log connections http access handlers rpc pipe services metrics
  forbid 'Handlers know no RPCs.' '(grpc|grpcpp)/' server/handlers
  forbid 'What starts the server is known by nothing below it.' 'server/[a-z_]+\.h' ':(glob)server/*/*'
  forbid 'Only tests include tests.' 'tests/' server client
  check_node_layers
  check_tables_layers
  forbid_crowds
  return "$layers_broken"
}
