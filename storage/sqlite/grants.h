#ifndef AUTHSTATE_STORAGE_SQLITE_GRANTS_H_
#define AUTHSTATE_STORAGE_SQLITE_GRANTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/grant.h"
#include "storage/sqlite/connection.h"

// The requests of storage/grant.h at `now`, the time of the store. All throw SQLite::Exception.
namespace authstate::storage {

absl::StatusOr<GrantResult> ListGrants(SqliteConnection& connection, std::uint64_t known_version, absl::Time now);

// Does a request that is not kList inside a transaction that the caller has begun and will end; an error means that
// nothing was changed.
absl::StatusOr<GrantResult> ApplyGrantRequest(SqliteConnection& connection, const GrantRequest& request,
                                              absl::Time now);

// The maintenance that there is.
absl::StatusOr<GrantResult> SelectMaintenance(SqliteConnection& connection, absl::Time now);

// Does a request that is kBeginMaintenance or kEndMaintenance as ApplyGrantRequest does others. The lease of a session
// that is damaged stays as it is.
absl::StatusOr<GrantResult> ApplyMaintenanceRequest(SqliteConnection& connection, const GrantRequest& request,
                                                    absl::Time now);

// In place of those that there are: the grants of another store, as it has told them.
void ReplaceGrants(SqliteConnection& connection, const GrantResult& listed);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_GRANTS_H_
