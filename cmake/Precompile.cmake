# One precompiled header for all that we wrote, and one for its tests. ccache takes part as tools/dev/native.sh sets it up.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "")
set(headers
  <algorithm> <cstdint> <functional> <map> <memory> <optional> <string> <thread> <utility> <vector>
  <absl/container/flat_hash_map.h> <absl/functional/any_invocable.h> <absl/functional/function_ref.h>
  <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_join.h>
  <absl/strings/str_split.h> <absl/synchronization/mutex.h> <absl/time/time.h>)
set(libraries absl::any_invocable absl::flat_hash_map absl::statusor absl::strings absl::synchronization absl::time
  authstate_warnings)

add_library(authstate_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
target_link_libraries(authstate_precompiled PRIVATE ${libraries})
target_precompile_headers(authstate_precompiled PRIVATE ${headers})
if(TARGET GTest::gmock)
  add_library(authstate_precompiled_tests OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(authstate_precompiled_tests PRIVATE ${libraries} GTest::gmock)
  target_precompile_headers(authstate_precompiled_tests PRIVATE ${headers} <gmock/gmock.h> <gtest/gtest.h>)
endif()

# precompile DIRECTORY HEADERS: in all targets below the directory that hold what we wrote. That is what has the warnings.
function(precompile directory precompiled)
  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(linked ${target} LINK_LIBRARIES)
    if("authstate_warnings" IN_LIST linked AND NOT target MATCHES "^authstate_precompiled")
      target_precompile_headers(${target} REUSE_FROM ${precompiled})
    endif()
  endforeach()
  get_property(directories DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  foreach(below IN LISTS directories)
    if(below STREQUAL "${CMAKE_SOURCE_DIR}/tests")
      precompile(${below} authstate_precompiled_tests)
    else()
      precompile(${below} ${precompiled})
    endif()
  endforeach()
endfunction()
precompile(${CMAKE_SOURCE_DIR} authstate_precompiled)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Without it ccache cannot see what a precompiled header holds.
  target_compile_options(authstate_warnings INTERFACE -fpch-preprocess)
endif()
