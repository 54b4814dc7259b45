# Precompiled headers: half of what a source costs is reading the same ones. ccache takes part as tools/dev/native.sh
# sets it up, and clang-tidy (tools/dev/tidy.mjs) reads each source without.

# authstate_precompile(NAME DIRECTORIES DIRECTORY... HEADERS HEADER... LIBRARIES LIBRARY...): NAME is the libraries'
# headers precompiled, for all targets in the directories and below that have none yet and hold what we wrote. That is
# what has the warnings.
function(authstate_precompile name)
  cmake_parse_arguments(PARSE_ARGV 1 of "" "" "DIRECTORIES;HEADERS;LIBRARIES")
  set(source ${CMAKE_BINARY_DIR}/precompiled.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE ${of_LIBRARIES} authstate_warnings)
  target_precompile_headers(${name} PRIVATE ${of_HEADERS})
  authstate_read_precompiled(${name})
  foreach(directory IN LISTS of_DIRECTORIES)
    authstate_reuse_precompiled(${name} ${CMAKE_CURRENT_SOURCE_DIR}/${directory})
  endforeach()
endfunction()

function(authstate_reuse_precompiled name directory)
  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(linked ${target} LINK_LIBRARIES)
    get_target_property(own ${target} PRECOMPILE_HEADERS)
    get_target_property(reused ${target} PRECOMPILE_HEADERS_REUSE_FROM)
    if("authstate_warnings" IN_LIST linked AND NOT own AND NOT reused)
      target_precompile_headers(${target} REUSE_FROM ${name})
      authstate_read_precompiled(${target})
    endif()
  endforeach()
  get_property(directories DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  foreach(below IN LISTS directories)
    authstate_reuse_precompiled(${name} ${below})
  endforeach()
endfunction()

# Without it ccache cannot see what GCC's precompiled header holds, and those of clang are never the same twice.
function(authstate_read_precompiled target)
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess> "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endfunction()

set(AUTHSTATE_PRECOMPILED_HEADERS
  <algorithm> <cstdint> <functional> <map> <memory> <optional> <string> <thread> <utility> <vector>
  <absl/container/flat_hash_map.h> <absl/functional/any_invocable.h> <absl/functional/function_ref.h>
  <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_join.h>
  <absl/strings/str_split.h> <absl/synchronization/mutex.h> <absl/time/time.h>)
set(AUTHSTATE_PRECOMPILED_LIBRARIES
  absl::any_invocable absl::flat_hash_map absl::statusor absl::strings absl::synchronization absl::time)
