#ifndef AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_
#define AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/schema.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// The files of migrations/sqlite.
absl::Span<const Migration> SqliteMigrations();

// What the file has had, in order; it has the table that remembers. Throws SQLite::Exception, as all that follows does.
std::vector<AppliedMigration> AppliedSqliteMigrations(SqliteConnection& connection);

// Applies one file and remembers it, within the transaction that is open.
void ApplySqliteMigration(SqliteConnection& connection, const Migration& migration);

// Has the file say that no version may serve it from now on that does not know what the migration of that name brought.
// Whether it did not say so before.
bool ServeFrom(SqliteConnection& connection, const std::string& migration);

struct PreparedSchema {
  std::uint32_t version = 0;
  // The file held no store before.
  bool made = false;
};

// Brings the schema up to date in one transaction, as PlanMigrations allows. A file that has tables but none of ours is
// refused with FailedPrecondition, reason kSchemaUnknown; one that has none at all with NotFound unless `create`. A
// store that is made is the near store of that id, unless it is empty.
absl::StatusOr<PreparedSchema> PrepareSqliteSchema(SqliteConnection& connection, bool migrate, bool create,
                                                   const std::string& near_id = "");

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_
