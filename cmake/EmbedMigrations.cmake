# authstate_embed_migrations(TARGET SQL_DIR ACCESSOR [EXTRA_FILE...])
#
# Builds the files SQL_DIR/NNNN_name.sql, and the extra ones after them, into TARGET as
# `absl::Span<const Migration> authstate::storage::ACCESSOR()`, in the order of their numbers. The caller declares
# ACCESSOR in a header of its own. Beside each file stands NNNN_name.down.sql, which takes it back.
#
# A file begins with the line `-- serves-from: N`: a server that knows the schema up to version N, and no further, may
# still serve once this file has been applied. N below the file's own number makes it an expansion (what it adds has
# defaults and disturbs nobody); N equal to it, a contraction, applied once no older server runs.
function(authstate_embed_migrations target sql_dir accessor)
  file(GLOB sql_files CONFIGURE_DEPENDS ${sql_dir}/[0-9][0-9][0-9][0-9]_*.sql)
  list(FILTER sql_files EXCLUDE REGEX "\\.down\\.sql$")
  list(SORT sql_files)
  list(APPEND sql_files ${ARGN})
  set(entries "")
  set(expected 1)
  foreach(sql_file IN LISTS sql_files)
    get_filename_component(name ${sql_file} NAME_WE)
    get_filename_component(directory ${sql_file} DIRECTORY)
    string(REGEX MATCH "^0*([1-9][0-9]*)_(.*)$" matched ${name})
    set(version ${CMAKE_MATCH_1})
    set(title ${CMAKE_MATCH_2})
    if(NOT version EQUAL expected)
      message(FATAL_ERROR "${sql_file}: expected migration number ${expected}")
    endif()
    math(EXPR expected "${expected} + 1")
    set(down_file ${directory}/${name}.down.sql)
    if(NOT EXISTS ${down_file})
      message(FATAL_ERROR "${sql_file}: ${name}.down.sql, which takes it back, is missing")
    endif()
    file(READ ${sql_file} sql)
    file(READ ${down_file} down)
    file(SHA256 ${sql_file} checksum)
    if(NOT sql MATCHES "^-- serves-from: ([1-9][0-9]*)\n")
      message(FATAL_ERROR "${sql_file}: the first line must be `-- serves-from: N` (cmake/EmbedMigrations.cmake)")
    endif()
    set(serves_from ${CMAKE_MATCH_1})
    if(serves_from GREATER version)
      message(FATAL_ERROR "${sql_file}: serves-from ${serves_from} is above the file's own number")
    endif()
    string(APPEND entries "    {${version}, \"${title}\", \"${checksum}\", R\"authstate_sql(${sql})authstate_sql\", ${serves_from}, R\"authstate_sql(${down})authstate_sql\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sql_file} ${down_file})
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
