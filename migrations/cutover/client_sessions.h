#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_CLIENT_SESSIONS_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_CLIENT_SESSIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "migrations/tables/database.h"

namespace authstate::cutover {

// Sessions of one database that have the role, the application and the address in common.
struct ClientSessions {
  // `timeweb (host:port/database)`.
  std::string database;
  std::string role;
  std::string application;
  // Empty: by a local socket, or of another role while ours may not see it (pg_read_all_stats).
  std::string address;
  std::int64_t count = 0;
};

// All that are there, but those of `authstatectl tables` and `cutover` under our own role. Besides sessions of clients
// also what works for a role without one, as a subscription does. Fails as Database::Read.
absl::StatusOr<std::vector<ClientSessions>> ReadClientSessions(tables::Database& database);

// Who may be connected: a role, and if one is named, with that application alone.
struct MayConnect {
  std::string role;
  std::optional<std::string> application;
};

// `ROLE` or `ROLE/APPLICATION`; InvalidArgument without a role.
absl::StatusOr<MayConnect> ParseMayConnect(absl::string_view text);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_CLIENT_SESSIONS_H_
