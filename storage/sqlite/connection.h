#ifndef AUTHSTATE_STORAGE_SQLITE_CONNECTION_H_
#define AUTHSTATE_STORAGE_SQLITE_CONNECTION_H_

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

// A connection to the database file, with its prepared statements. Not thread-safe. Everything here throws
// SQLite::Exception; callers catch it at the edge of the driver (storage/sqlite/sqlite_error.h).
namespace authstate::storage {

class SqliteConnection {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  // Opens an existing or, for kReadWrite, new file.
  SqliteConnection(const std::string& path, Mode mode);

  // The prepared statement for `sql`, reset and without bindings. `sql` is one of the constants in statements.h.
  SQLite::Statement& Prepare(const char* sql);

  SQLite::Database& database() { return database_; }

  // Whether a transaction is under way. Some errors, such as a full disk, end it and all its savepoints.
  bool InTransaction() const;

  // Ends a transaction that is under way, if any. Does not throw.
  void RollBackQuietly() noexcept;

  // Lets go of the pages in memory, outside a transaction. What was read from a damaged file would else be believed
  // after the file was put right, for as long as nothing is written.
  void ForgetPages() noexcept;

 private:
  SQLite::Database database_;
  absl::flat_hash_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// Binds without a copy: what is bound must outlive the statement's run.
void BindText(SQLite::Statement& statement, int index, const std::string& text);
void BindBlob(SQLite::Statement& statement, int index, absl::string_view bytes);

// Runs a statement that returns no row. Returns how many rows it has changed.
int Run(SQLite::Statement& statement);

std::string TextColumn(SQLite::Statement& statement, int index);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_CONNECTION_H_
