#include <SQLiteCpp/SQLiteCpp.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/stores/dump.h"
#include "client/cli/terminal/output.h"
#include "contract/codec.h"
#include "contract/names.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kMagic("SQLite format 3\0", 16);
constexpr int kBusyTimeoutMs = 5000;

// A name cannot be a parameter. This one comes from the file itself, and is quoted.
std::string SelectAll(const std::string& table) {
  return absl::StrCat("SELECT * FROM \"", absl::StrReplaceAll(table, {{"\"", "\"\""}}), "\"");
}

std::string CellText(const SQLite::Column& cell) {
  if (cell.isNull()) return "null";
  if (cell.isInteger()) return absl::StrCat(cell.getInt64());
  if (cell.isFloat()) return ToText(Json(cell.getDouble()));
  const std::string bytes = cell.getString();
  // SQLite does not check that its text is UTF-8; what is not is no text.
  if (cell.isBlob() || !IsValidUtf8(bytes)) return ToBufferJson({ValueKind::kRaw, bytes});
  return ToText(Json(bytes));
}

std::vector<std::string> TableNames(const SQLite::Database& database) {
  std::vector<std::string> names;
  SQLite::Statement statement(database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
  while (statement.executeStep()) names.push_back(statement.getColumn(0).getString());
  return names;
}

DumpTable ReadTable(const SQLite::Database& database, const std::string& name) {
  DumpTable table;
  table.name = name;
  SQLite::Statement statement(database, SelectAll(name));
  while (statement.executeStep()) {
    DumpRow& row = table.rows.emplace_back();
    for (int i = 0; i < statement.getColumnCount(); ++i) {
      row.cells.emplace_back(statement.getColumnName(i), CellText(statement.getColumn(i)));
    }
  }
  return table;
}

}  // namespace

bool IsSqlite(absl::string_view text) { return absl::StartsWith(text, kMagic); }

absl::StatusOr<Dump> ReadSqliteDump(const std::string& path, absl::FunctionRef<bool(absl::string_view table)> wanted) {
  try {
    const SQLite::Database database(path, SQLite::OPEN_READONLY, kBusyTimeoutMs);
    // All tables as of one moment.
    SQLite::Statement(database, "BEGIN").exec();
    Dump dump;
    for (const std::string& name : TableNames(database)) {
      if (wanted(name)) dump.tables.push_back(ReadTable(database, name));
    }
    return dump;
  } catch (const SQLite::Exception& error) {
    return absl::FailedPreconditionError(absl::StrCat("cannot be read by SQLite: ", error.what()));
  }
}

}  // namespace authstate::cli
