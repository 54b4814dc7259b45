#!/usr/bin/env bash
# Inside a bare Debian, which has none of the server's libraries: the npm packages of the server in an empty folder, on each
# Node that is named: npm_inside.sh NODE_MAJOR...
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

checked() {
  echo "ok  $*"
}

for major in "$@"; do
  export PATH=/opt/node-$major/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export npm_config_offline=true
  npm() { node /opt/npm/bin/npm-cli.js "$@"; }
  npx() { node /opt/npm/bin/npx-cli.js "$@"; }
  folder=$(mktemp -d)
  cd "$folder"
  npm install --no-audit --no-fund --loglevel=error "$here"/authstate-server-*.tgz >/dev/null
  [[ $(npx @authstate/server --version) == authstated\ * ]]
  [[ $(npx authstated --version) == authstated\ * ]]
  checked "Node $(node --version): installed from the two files, and run by npx"
  cp "$here/npm_inside.mjs" bot.mjs
  node bot.mjs
  while grep --quiet --line-regexp authstated /proc/[0-9]*/comm 2>/dev/null; do sleep 0.1; done
  checked "Node $major: startServer serves, keeps, and stops with its bot"
  rm -r node_modules/@authstate/server-linux-x64
  [[ $(npx authstated --version 2>&1 || true) == *"server-linux-x64 is not installed: npm was told"* ]]
  checked "Node $major: says that the program is missing"
done
