# authstate_embed_migrations(TARGET SQL_DIR ACCESSOR)
#
# Builds the files SQL_DIR/NNNN_name.sql into TARGET as `absl::Span<const Migration> authstate::storage::ACCESSOR()`, in
# the order of their numbers. The caller declares ACCESSOR in a header of its own.
function(authstate_embed_migrations target sql_dir accessor)
  file(GLOB sql_files CONFIGURE_DEPENDS ${sql_dir}/[0-9][0-9][0-9][0-9]_*.sql)
  list(SORT sql_files)
  set(entries "")
  set(expected 1)
  foreach(sql_file IN LISTS sql_files)
    get_filename_component(name ${sql_file} NAME_WE)
    string(REGEX MATCH "^0*([1-9][0-9]*)_(.*)$" matched ${name})
    if(NOT CMAKE_MATCH_1 EQUAL expected)
      message(FATAL_ERROR "${sql_file}: expected migration number ${expected}")
    endif()
    math(EXPR expected "${expected} + 1")
    file(READ ${sql_file} sql)
    file(SHA256 ${sql_file} checksum)
    string(APPEND entries "    {${CMAKE_MATCH_1}, \"${CMAKE_MATCH_2}\", \"${checksum}\", R\"authstate_sql(${sql})authstate_sql\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sql_file})
  endforeach()
  if(entries STREQUAL "")
    message(FATAL_ERROR "${sql_dir}: no migrations")
  endif()

  set(source ${CMAKE_CURRENT_BINARY_DIR}/${accessor}.cc)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated from ${sql_dir}.
#include \"absl/types/span.h\"
#include \"storage/schema.h\"

namespace authstate::storage {

absl::Span<const Migration> @accessor@();

absl::Span<const Migration> @accessor@() {
  static constexpr Migration kMigrations[] = {
@entries@  };
  return kMigrations;
}

}  // namespace authstate::storage
")
  target_sources(${target} PRIVATE ${source})
endfunction()
