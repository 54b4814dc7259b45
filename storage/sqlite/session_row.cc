#include "storage/sqlite/session_row.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/checksum.h"
#include "storage/error.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kEntryBytes = 16;
constexpr std::size_t kNamesBytes = 8;
constexpr std::size_t kTailBytes = kNamesBytes + kRecordChecksumBytes;
constexpr unsigned kBitsOfByte = 8;

std::int64_t Signed(SQLite::Statement& select, int column) { return select.getColumn(column).getInt64(); }

std::uint64_t Unsigned(SQLite::Statement& select, int column) {
  return static_cast<std::uint64_t>(Signed(select, column));
}

absl::Duration Micros(SQLite::Statement& select, int column) { return absl::Microseconds(Signed(select, column)); }

bool Exists(SqliteConnection& connection, const char* sql, const std::string& session_id) {
  SQLite::Statement& select = connection.Prepare(sql);
  BindText(select, 1, session_id);
  (void)select.executeStep();
  const bool exists = select.getColumn(0).getInt() != 0;
  select.reset();
  return exists;
}

// The columns as they are stored, but that of the recent commits.
struct Columns {
  std::int64_t revision;
  std::int64_t present;
  std::int64_t updated_at;
  std::int64_t fence;
  std::string lease_owner;
  std::int64_t lease_expires_at;
  std::int64_t lease_ttl;
  std::int64_t applied_number;
  std::string data_key;
};

// Over the row whose recent commits have `last` before the checksum.
std::string Checksum(const std::string& session_id, const Columns& columns, absl::string_view last) {
  return RecordChecksum(absl::StrCat(session_id.size(), ":", session_id, columns.revision, ",", columns.present, ",",
                                     columns.updated_at, ",", columns.fence, ",", columns.lease_owner.size(), ":",
                                     columns.lease_owner, columns.lease_expires_at, ",", columns.lease_ttl, ",",
                                     columns.applied_number, ",", last, columns.data_key));
}

void AppendNames(std::int64_t names, std::string* to) {
  for (std::size_t i = kNamesBytes; i-- > 0;) to->push_back(static_cast<char>(names >> i * kBitsOfByte));
}

std::int64_t ReadNames(absl::string_view bytes) {
  std::uint64_t names = 0;
  for (const char byte : bytes.substr(0, kNamesBytes)) names = names << kBitsOfByte | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(names);
}

// Reads the last column; false when it is damaged, or its checksum is not that of the row.
bool ReadLastColumn(const std::string& session_id, const Columns& columns, absl::string_view last, SessionRow* row) {
  const std::size_t more = last.size() % kEntryBytes;
  row->names.reset();
  if (more == kTailBytes % kEntryBytes && last.size() >= kTailBytes) {
    const std::size_t checked = last.size() - kRecordChecksumBytes;
    if (last.substr(checked) != Checksum(session_id, columns, last.substr(0, checked))) return false;
    const std::size_t entries = last.size() - kTailBytes;
    row->names = ReadNames(last.substr(entries));
    last = last.substr(0, entries);
  } else if (more != 0) {
    return false;
  }
  row->recent_commits = RecentCommits(last);
  return true;
}

}  // namespace

Lease LeaseColumns(SQLite::Statement& select, int fence_column, absl::Time now) {
  Lease lease;
  lease.fence = Unsigned(select, fence_column);
  lease.owner = TextColumn(select, fence_column + 1);
  if (!lease.held()) return lease;
  const absl::Duration ttl = Micros(select, fence_column + 3);
  lease.expire_time = std::min(absl::FromUnixMicros(Signed(select, fence_column + 2)), now + ttl);
  lease.remaining = lease.expire_time - now;
  return lease;
}

absl::StatusOr<SessionRow> SelectSessionRow(SqliteConnection& connection, const std::string& session_id,
                                            absl::Time now) {
  SessionRow row;
  SQLite::Statement& select = connection.Prepare(sql::kSelectSession);
  BindText(select, 1, session_id);
  if (!select.executeStep()) {
    if (Exists(connection, sql::kHasAnything, session_id)) return DamagedSession();
    return row;
  }
  const Columns columns = {Signed(select, 0), Signed(select, 1),     Signed(select, 2),
                           Signed(select, 3), TextColumn(select, 4), Signed(select, 5),
                           Signed(select, 6), Signed(select, 7),     TextColumn(select, 9)};
  const bool sound = ReadLastColumn(session_id, columns, TextColumn(select, 8), &row);
  row.revision = static_cast<std::uint64_t>(columns.revision);
  row.present = columns.present != 0;
  row.updated_at = absl::FromUnixMicros(columns.updated_at);
  row.lease = LeaseColumns(select, 3, now);
  if (row.lease.held()) row.lease_ttl = absl::Microseconds(columns.lease_ttl);
  row.applied_number = static_cast<std::uint64_t>(columns.applied_number);
  row.data_key = columns.data_key;
  select.reset();
  if (!sound) return DamagedSession();
  return row;
}

bool HasCreds(SqliteConnection& connection, const std::string& session_id) {
  return Exists(connection, sql::kHasCreds, session_id);
}

std::int64_t SumOfNames(SqliteConnection& connection, const std::string& session_id) {
  std::int64_t sum = HasCreds(connection, session_id) ? NameNumber("", "") : 0;
  SQLite::Statement& select = connection.Prepare(sql::kSelectNames);
  BindText(select, 1, session_id);
  while (select.executeStep()) sum += NameNumber(TextColumn(select, 0), TextColumn(select, 1));
  select.reset();
  return sum;
}

void UpsertSessionRow(SqliteConnection& connection, const std::string& session_id, const SessionRow& row) {
  const Columns columns = {static_cast<std::int64_t>(row.revision),
                           row.present ? 1 : 0,
                           absl::ToUnixMicros(row.updated_at),
                           static_cast<std::int64_t>(row.lease.fence),
                           row.lease.owner,
                           row.lease.held() ? absl::ToUnixMicros(row.lease.expire_time) : 0,
                           absl::ToInt64Microseconds(row.lease_ttl),
                           static_cast<std::int64_t>(row.applied_number),
                           row.data_key};
  std::string last = row.recent_commits.Encode();
  AppendNames(row.names.has_value() ? *row.names : SumOfNames(connection, session_id), &last);
  last += Checksum(session_id, columns, last);
  SQLite::Statement& upsert = connection.Prepare(sql::kUpsertSession);
  BindText(upsert, 1, session_id);
  upsert.bind(2, columns.revision);
  upsert.bind(3, columns.present);
  upsert.bind(4, columns.updated_at);
  upsert.bind(5, columns.fence);
  BindText(upsert, 6, columns.lease_owner);
  upsert.bind(7, columns.lease_expires_at);
  upsert.bind(8, columns.lease_ttl);
  upsert.bind(9, columns.applied_number);
  BindBlob(upsert, 10, last);
  if (!columns.data_key.empty()) BindBlob(upsert, 11, columns.data_key);
  Run(upsert);
}

void SetLease(Lease lease, SessionRow* row) {
  if (lease.fence != row->lease.fence) row->applied_number = 0;
  row->lease = std::move(lease);
}

}  // namespace authstate::storage
