# shellcheck shell=bash
# A real grpcurl: the one in PATH, or the pinned one built from the Go module proxy into the cache.
# shellcheck source=tools/dev/node.sh
source "$AUTHSTATE_ROOT/tools/dev/node.sh"

# The newest release that Debian 12's Go 1.19 builds.
GRPCURL_VERSION=v1.8.9

# ensure_grpcurl: returns non-zero, having said why, where grpcurl cannot be had.
ensure_grpcurl() {
  local tools=$CACHE_DIR/grpcurl-$GRPCURL_VERSION
  command -v grpcurl >/dev/null && return
  if [[ ! -x $tools/grpcurl ]]; then
    command -v go >/dev/null || ensure_packages go
    step grpcurl install_grpcurl "$tools" || return
  fi
  export PATH=$PATH:$tools
}

install_grpcurl() {
  local work status=0
  work=$(mktemp -d)
  GOPATH=$work GOCACHE=$work/cache GOBIN=$1 GOFLAGS=-modcacherw GOTOOLCHAIN=local \
    go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL_VERSION" || status=$?
  rm -rf "$work"
  return "$status"
}
