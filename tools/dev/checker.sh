# shellcheck shell=bash
# The checker of histories (tests/fault/checker), a Go program: build/bin/history_checker. Its one module comes from the
# Go module proxy; go.sum has its hash.
# shellcheck source=tools/dev/node.sh
source "$AUTHSTATE_ROOT/tools/dev/node.sh"

# ensure_history_checker: returns non-zero, having said why, where it cannot be had.
ensure_history_checker() {
  command -v go >/dev/null || ensure_packages go
  step history-checker in_history_checker go build -o "$AUTHSTATE_ROOT/build/bin/history_checker" .
}

# in_history_checker GO_COMMAND...
in_history_checker() (
  export GOCACHE=$CACHE_DIR/go/build GOMODCACHE=$CACHE_DIR/go/modules GOFLAGS=-modcacherw GOTOOLCHAIN=local
  mkdir -p "$AUTHSTATE_ROOT/build/bin"
  cd "$AUTHSTATE_ROOT/tests/fault/checker" && "$@"
)
