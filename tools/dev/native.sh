# shellcheck shell=bash
# The C++ build. Where and how is in CMakePresets.json.
# shellcheck source=tools/dev/packages.sh
source "$AUTHSTATE_ROOT/tools/dev/packages.sh"

# What one checkout compiled, another takes from the cache: paths below the root count as relative ones.
export CCACHE_BASEDIR=$AUTHSTATE_ROOT CCACHE_NOHASHDIR=true
# What ccache asks for before it caches what uses a precompiled header (cmake/Precompile.cmake).
export CCACHE_SLOPPINESS=pch_defines,time_macros

# configure PRESET [CMAKE_ARGUMENT...]: keeps what an earlier configuration has set and the arguments do not name.
configure() {
  local preset=$1
  shift
  step "configure-$preset" cmake --preset "$preset" "$@" || die 'CMake could not configure the build'
}

# compile PRESET TARGET...
compile() {
  local preset=$1
  shift
  step "compile-$preset" cmake --build --preset "$preset" --target "$@" || die 'the build failed'
}
