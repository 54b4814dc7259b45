#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_LEGACY_PURGE_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_LEGACY_PURGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"

namespace authstate::storage {

// Backend::PurgeExpired on one connection; blocks. Nullopt: a lock was in the way, and nothing has happened;
// `repeated`: that was so before. Not run again where its answer was lost: what it deleted then is gone, and another
// purge deletes the rest.
std::optional<absl::StatusOr<std::map<std::string, std::uint64_t>>> PurgeExpiredKeys(
    PgConnection& connection, const Layout& layout, const PurgeRequest& request, bool repeated, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_LEGACY_PURGE_H_
