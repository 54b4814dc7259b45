#ifndef AUTHSTATE_STORAGE_SQLITE_SESSION_ROW_H_
#define AUTHSTATE_STORAGE_SQLITE_SESSION_ROW_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "storage/lease.h"
#include "storage/recent_commits.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// The row of a session in auth_sessions; default: of one that was never written.
struct SessionRow {
  std::uint64_t revision = 0;
  bool present = false;
  absl::Time updated_at = absl::UnixEpoch();
  // `remaining` is that of the moment it was read for.
  Lease lease;
  absl::Duration lease_ttl;
  // The highest Commit::number applied under the lease's fence.
  std::uint64_t applied_number = 0;
  RecentCommits recent_commits;
};

// Reads the row as it is for a store whose time is `now`. A lease never has longer to live than it was given: the clock
// may have been set back while the store was closed. Throws SQLite::Exception.
SessionRow SelectSessionRow(SqliteConnection& connection, const std::string& session_id, absl::Time now);

// The lease in the columns fence, owner, expiry and ttl, of which `fence_column` is the first. Throws
// SQLite::Exception.
Lease LeaseColumns(SQLite::Statement& select, int fence_column, absl::Time now);

// Makes or replaces the row. Throws SQLite::Exception.
void UpsertSessionRow(SqliteConnection& connection, const std::string& session_id, const SessionRow& row);

// Gives the row another lease; numbers count under one fence.
void SetLease(Lease lease, SessionRow* row);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SESSION_ROW_H_
