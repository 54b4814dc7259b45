#ifndef AUTHSTATE_STORAGE_POSTGRES_POSTGRES_SCHEMA_H_
#define AUTHSTATE_STORAGE_POSTGRES_POSTGRES_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/postgres/layout.h"
#include "storage/postgres/pg_connection.h"
#include "storage/schema.h"

namespace authstate::storage {

// The files of migrations/postgres and of migrations/postgres_legacy.
absl::Span<const Migration> PostgresMigrations();
absl::Span<const Migration> LegacyMigrations();

struct EnsuredSchema {
  std::uint32_t version = 0;
  // The database had none of it before.
  bool made = false;
};

// Brings the database to the schema of this program, as PlanMigrations allows (storage/schema.h).
// Several servers may do so at once: one of them makes the change, in one transaction, and the others find it
// made. What is made or changed is closed to all roles but the owner and `allowed_roles` (table_access.h).
// FailedPrecondition when the schema is not one that can be served.
absl::StatusOr<EnsuredSchema> EnsurePostgresSchema(PgConnection& connection, const LayoutSchema& schema, bool migrate,
                                                   const std::vector<std::string>& allowed_roles, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_POSTGRES_SCHEMA_H_
