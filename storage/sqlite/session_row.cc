#include "storage/sqlite/session_row.h"

#include <algorithm>
#include <utility>

#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

std::uint64_t Unsigned(SQLite::Statement& select, int column) {
  return static_cast<std::uint64_t>(select.getColumn(column).getInt64());
}

absl::Duration Micros(SQLite::Statement& select, int column) {
  return absl::Microseconds(select.getColumn(column).getInt64());
}

}  // namespace

Lease LeaseColumns(SQLite::Statement& select, int fence_column, absl::Time now) {
  Lease lease;
  lease.fence = Unsigned(select, fence_column);
  lease.owner = TextColumn(select, fence_column + 1);
  if (!lease.held()) return lease;
  const absl::Duration ttl = Micros(select, fence_column + 3);
  lease.expire_time = std::min(absl::FromUnixMicros(select.getColumn(fence_column + 2).getInt64()), now + ttl);
  lease.remaining = lease.expire_time - now;
  return lease;
}

SessionRow SelectSessionRow(SqliteConnection& connection, const std::string& session_id, absl::Time now) {
  SessionRow row;
  SQLite::Statement& select = connection.Prepare(sql::kSelectSession);
  BindText(select, 1, session_id);
  if (select.executeStep()) {
    row.revision = Unsigned(select, 0);
    row.present = select.getColumn(1).getInt() != 0;
    row.updated_at = absl::FromUnixMicros(select.getColumn(2).getInt64());
    row.lease = LeaseColumns(select, 3, now);
    if (row.lease.held()) row.lease_ttl = Micros(select, 6);
    row.applied_number = Unsigned(select, 7);
    row.recent_commits = RecentCommits(TextColumn(select, 8));
  }
  select.reset();
  return row;
}

void UpsertSessionRow(SqliteConnection& connection, const std::string& session_id, const SessionRow& row) {
  const std::string recent_commits = row.recent_commits.Encode();
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertSession);
  BindText(upsert, 1, session_id);
  upsert.bind(2, static_cast<std::int64_t>(row.revision));
  upsert.bind(3, row.present ? 1 : 0);
  upsert.bind(4, absl::ToUnixMicros(row.updated_at));
  upsert.bind(5, static_cast<std::int64_t>(row.lease.fence));
  BindText(upsert, 6, row.lease.owner);
  upsert.bind(7, row.lease.held() ? absl::ToUnixMicros(row.lease.expire_time) : 0);
  upsert.bind(8, absl::ToInt64Microseconds(row.lease_ttl));
  upsert.bind(9, static_cast<std::int64_t>(row.applied_number));
  BindBlob(upsert, 10, recent_commits);
  Run(upsert);
}

void SetLease(Lease lease, SessionRow* row) {
  if (lease.fence != row->lease.fence) row->applied_number = 0;
  row->lease = std::move(lease);
}

}  // namespace authstate::storage
