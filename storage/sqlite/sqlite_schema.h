#ifndef AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_
#define AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/schema.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// The files of migrations/sqlite.
absl::Span<const Migration> SqliteMigrations();

// What the file has had, in order; it has the table that remembers. Throws SQLite::Exception, as the next two do.
std::vector<AppliedMigration> AppliedSqliteMigrations(SqliteConnection& connection);

// Applies one file and remembers it, within the transaction that is open.
void ApplySqliteMigration(SqliteConnection& connection, const Migration& migration);

// Brings the schema up to date in one transaction, as PlanMigrations allows, and tells its version. A file that has
// tables but none of ours is refused with FailedPrecondition, reason kSchemaUnknown.
absl::StatusOr<std::uint32_t> PrepareSqliteSchema(SqliteConnection& connection, bool migrate);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_
