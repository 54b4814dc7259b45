#ifndef AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_
#define AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/schema.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// The files of migrations/sqlite.
absl::Span<const Migration> SqliteMigrations();

// Brings the schema up to date in one transaction, as PlanMigrations allows, and tells its version. A file that has
// tables but none of ours is refused with FailedPrecondition, reason kSchemaUnknown. Throws SQLite::Exception.
absl::StatusOr<std::uint32_t> PrepareSqliteSchema(SqliteConnection& connection, bool migrate);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SQLITE_SCHEMA_H_
