#ifndef AUTHSTATE_STORAGE_SQLITE_SESSION_ROW_H_
#define AUTHSTATE_STORAGE_SQLITE_SESSION_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/lease.h"
#include "storage/recent_commits.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// The row of a session in auth_sessions; default: of one that was never written.
//
// It has a checksum, and knows what else there is of the session, so that neither is believed when it is damaged. Both
// stand in the column of the recent commits, whose entries have 16 bytes, behind them: the sum over the names (8 bytes,
// most significant first), and the checksum over all columns (16). A server of the version before writes the column
// without these, and so makes a row that is not checked.
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
  // The sum over the creds and all keys (NameNumber); nullopt: a server of the version before has written the row.
  std::optional<std::int64_t> names = 0;
  // Wrapped (storage/sealing/data_key.h); empty: the session has none, and its values are plain. The checksum is over
  // it too, so that nobody takes a session for plain whose key is gone.
  std::string data_key;
};

// Reads the row as it is for a store whose time is `now`. A lease never has longer to live than it was given: the clock
// may have been set back while the store was closed. DataLoss when it is damaged, or missing where something else of
// the session is there. Throws SQLite::Exception.
absl::StatusOr<SessionRow> SelectSessionRow(SqliteConnection& connection, const std::string& session_id,
                                            absl::Time now);

// The lease in the columns fence, owner, expiry and ttl, of which `fence_column` is the first. Throws
// SQLite::Exception.
Lease LeaseColumns(SQLite::Statement& select, int fence_column, absl::Time now);

bool HasCreds(SqliteConnection& connection, const std::string& session_id);

// The sum over the names of what there is. Throws SQLite::Exception.
std::int64_t SumOfNames(SqliteConnection& connection, const std::string& session_id);

// Makes or replaces the row; names that are not known are counted first. Throws SQLite::Exception.
void UpsertSessionRow(SqliteConnection& connection, const std::string& session_id, const SessionRow& row);

// Gives the row another lease; numbers count under one fence.
void SetLease(Lease lease, SessionRow* row);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SESSION_ROW_H_
