#include "storage/sqlite/connection.h"

#include <SQLiteCpp/Column.h>
#include <sqlite3.h>

#include <cstddef>
#include <utility>

namespace authstate::storage {
namespace {

// Another connection holds the file only for moments: while it checkpoints or recovers the log.
constexpr int kBusyTimeoutMs = 5000;

int OpenFlags(SqliteConnection::Mode mode) {
  return mode == SqliteConnection::Mode::kReadOnly ? SQLite::OPEN_READONLY
                                                   : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
}

}  // namespace

SqliteConnection::SqliteConnection(const std::string& path, Mode mode)
    : database_(path, OpenFlags(mode), kBusyTimeoutMs) {}

SQLite::Statement& SqliteConnection::Prepare(const char* sql) {
  const auto known = statements_.find(sql);
  if (known == statements_.end()) {
    // Made before it has a place: SQLite opens its log only now, and throws where that cannot be had.
    auto statement = std::make_unique<SQLite::Statement>(database_, sql);
    return *statements_.emplace(sql, std::move(statement)).first->second;
  }
  SQLite::Statement& statement = *known->second;
  // A statement that failed reports its old error once more when it is reset.
  statement.tryReset();
  statement.clearBindings();
  return statement;
}

bool SqliteConnection::InTransaction() const { return sqlite3_get_autocommit(database_.getHandle()) == 0; }

void SqliteConnection::RollBackQuietly() noexcept {
  for (const auto& entry : statements_) entry.second->tryReset();
  (void)database_.tryExec("ROLLBACK");
}

void SqliteConnection::ForgetPages() noexcept { (void)sqlite3_db_release_memory(database_.getHandle()); }

void BindText(SQLite::Statement& statement, int index, const std::string& text) { statement.bindNoCopy(index, text); }

void BindBlob(SQLite::Statement& statement, int index, absl::string_view bytes) {
  // A null pointer would bind NULL.
  const void* const start = bytes.empty() ? "" : static_cast<const void*>(bytes.data());
  statement.bindNoCopy(index, start, static_cast<int>(bytes.size()));
}

int Run(SQLite::Statement& statement) {
  const int changed = statement.exec();
  statement.reset();
  return changed;
}

std::string TextColumn(SQLite::Statement& statement, int index) { return statement.getColumn(index).getString(); }

}  // namespace authstate::storage
