# One precompiled header for all that we wrote. ccache takes part as tools/dev/native.sh sets it up.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "")
add_library(authstate_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
target_link_libraries(authstate_precompiled PRIVATE absl::any_invocable absl::flat_hash_map absl::statusor
  absl::strings absl::synchronization absl::time authstate_warnings)
target_precompile_headers(authstate_precompiled PRIVATE
  <algorithm> <cstdint> <functional> <map> <memory> <optional> <string> <thread> <utility> <vector>
  <absl/container/flat_hash_map.h> <absl/functional/any_invocable.h> <absl/functional/function_ref.h>
  <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_join.h>
  <absl/strings/str_split.h> <absl/synchronization/mutex.h> <absl/time/time.h>)
foreach(target IN ITEMS authstate_contract authstate_storage authstate_storage_sqlite authstate_storage_postgres
                        authstate_storage_decorators authstate_profiles authstate_migrations authstate_server
                        authstated authstate_client authstate_cli authstatectl)
  target_precompile_headers(${target} REUSE_FROM authstate_precompiled)
endforeach()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Without it ccache cannot see what a precompiled header holds.
  target_compile_options(authstate_warnings INTERFACE -fpch-preprocess)
endif()
