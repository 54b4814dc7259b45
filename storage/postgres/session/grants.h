#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_GRANTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_GRANTS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/grant.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"

namespace authstate::storage {

// Does a request of storage/grant.h, in one statement (grant_statements.h), twice where the first was in doubt or lost
// a race. Nullopt where a lock is in the way and nothing has happened; the next try is `repeated`. Blocks.
std::optional<absl::StatusOr<GrantResult>> DoGrants(PgConnection& connection, const Layout& layout,
                                                    const GrantRequest& request, bool repeated, absl::Time deadline);

// The id of the store, which stands with its grants. Blocks.
absl::StatusOr<std::string> ReadStoreId(PgConnection& connection, const Layout& layout, absl::Time deadline);

// The parameters of kNoteGrantUses: of no uses, it changes nothing.
PgConnection::Parameters EncodeNoteGrantUses(const std::vector<std::pair<std::string, absl::Duration>>& uses);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_GRANTS_H_
