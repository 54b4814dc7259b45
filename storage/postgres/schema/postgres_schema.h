#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SCHEMA_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"

namespace authstate::storage {

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

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SCHEMA_H_
