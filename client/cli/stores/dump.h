#ifndef AUTHSTATE_CLIENT_CLI_STORES_DUMP_H_
#define AUTHSTATE_CLIENT_CLI_STORES_DUMP_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/terminal/folder_problem.h"

// What the tools of another store put out, as tables: all that differs between a JSON document, JSON lines and an
// SQLite file ends here.
namespace authstate::cli {

// The columns of one row, each with the canonical JSON text of its cell. A BLOB is a Buffer tag.
struct DumpRow {
  std::vector<std::pair<std::string, std::string>> cells;

  // nullptr where there is no such column, or it is null.
  const std::string* Find(absl::string_view column) const;
  // The text in a column, which may also be a number; "" where there is none.
  std::string Text(absl::string_view column) const;
};

struct DumpTable {
  // Empty where the dump does not say.
  std::string name;
  std::vector<DumpRow> rows;
};

struct Dump {
  std::vector<DumpTable> tables;
  // The JSON document itself, canonical, where it is not divided into rows already.
  std::string document;
  // Lines that are no JSON: `line 7`.
  std::vector<FolderProblem> torn_lines;
};

// The columns of the rows that are made of {"<name>":<value>,…}, as Redis hands out a hash, and of the flat array
// ["<name>",<value>,…], as it hands out what a script returns.
inline constexpr absl::string_view kNameColumn = "name";
inline constexpr absl::string_view kValueColumn = "value";

// Reads one JSON document, or JSON lines: an array of rows; one row a line; {"<table>":[rows],…}. An object may be one
// row or names with values, and is in two tables then, as the one and as the other. InvalidArgument when it is no JSON;
// errors quote nothing.
absl::StatusOr<Dump> ReadJsonDump(absl::string_view text);

// Whether a file begins as SQLite's do.
bool IsSqlite(absl::string_view text);

// Reads every table for which `wanted` is true. Opens the file to read only; what a program that died has left in the
// log beside it is read too. FailedPrecondition when it cannot be opened.
absl::StatusOr<Dump> ReadSqliteDump(const std::string& path, absl::FunctionRef<bool(absl::string_view table)> wanted);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STORES_DUMP_H_
