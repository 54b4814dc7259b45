#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SEALER_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SEALER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "storage/postgres/postgres_options.h"
#include "storage/sealing/session_sealer.h"

namespace authstate::storage {

// Connects to the database, whose schema is one that a server of this version serves. FailedPrecondition with reason
// kKeyringMismatch for the legacy layout; else fails as the driver does.
absl::StatusOr<std::unique_ptr<SessionSealer>> OpenPostgresSealer(const PostgresOptions& options);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_POSTGRES_SEALER_H_
