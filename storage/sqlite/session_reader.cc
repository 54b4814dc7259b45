#include "storage/sqlite/session_reader.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "storage/checksum.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/sqlite/session_row.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

// The value of that place in the columns `kind_column` and the next.
absl::StatusOr<Value> ValueColumns(const ValuePlace& place, SQLite::Statement& statement, int kind_column,
                                   const DataKey* data_key) {
  return UnpackValue(place, statement.getColumn(kind_column).getInt64(), TextColumn(statement, kind_column + 1),
                     data_key);
}

// How large it will be, without making it.
std::size_t SizeOfValue(SQLite::Statement& statement, int kind_column) {
  const SQLite::Column value = statement.getColumn(kind_column + 1);
  return UnpackedSize(statement.getColumn(kind_column).getInt64(),
                      {static_cast<const char*>(value.getBlob()), static_cast<std::size_t>(value.size())});
}

// The value that `select`, bound, finds for that place; nullopt when it finds none. Adds its size to `bytes`, and fails
// where that is more than `max_bytes` then.
absl::StatusOr<std::optional<Value>> SelectValue(const ValuePlace& place, SQLite::Statement& select,
                                                 const DataKey* data_key, std::size_t max_bytes, std::size_t* bytes) {
  std::optional<Value> found;
  if (select.executeStep()) {
    const std::size_t size = SizeOfValue(select, 0);
    *bytes += size;
    // A length that no value has is damage.
    if (*bytes > max_bytes && size <= kMaxStoredValueBytes) return ResponseTooLarge(max_bytes);
    absl::StatusOr<Value> value = ValueColumns(place, select, 0, data_key);
    if (!value.ok()) return value.status();
    found = *std::move(value);
  }
  select.reset();
  return found;
}

absl::StatusOr<std::optional<Value>> SelectCreds(SqliteConnection& connection, const std::string& session_id,
                                                 const DataKey* data_key, std::size_t max_bytes, std::size_t* bytes) {
  SQLite::Statement& select = connection.Prepare(sql::kSelectCreds);
  BindText(select, 1, session_id);
  return SelectValue({session_id, "", ""}, select, data_key, max_bytes, bytes);
}

absl::StatusOr<std::optional<Value>> SelectKey(SqliteConnection& connection, const std::string& session_id,
                                               const KeyName& name, const DataKey* data_key, std::size_t max_bytes,
                                               std::size_t* bytes) {
  SQLite::Statement& select = connection.Prepare(sql::kSelectKey);
  BindText(select, 1, session_id);
  BindText(select, 2, name.type);
  BindText(select, 3, name.id);
  return SelectValue({session_id, name.type, name.id}, select, data_key, max_bytes, bytes);
}

// An index that is damaged may lead past what is there.
absl::Status CheckAbsence(SqliteConnection& connection, const ReadRequest& request, const ReadResult& result,
                          std::int64_t names) {
  absl::flat_hash_set<KeyName> absent;
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    if (!result.values[i].has_value()) absent.insert(request.keys[i]);
  }
  if (absent.empty() && (!request.want_creds || result.creds.has_value())) return absl::OkStatus();
  std::int64_t sum = HasCreds(connection, request.session_id) ? NameNumber("", "") : 0;
  SQLite::Statement& select = connection.Prepare(sql::kSelectNames);
  BindText(select, 1, request.session_id);
  while (select.executeStep()) {
    const KeyName name{TextColumn(select, 0), TextColumn(select, 1)};
    if (absent.contains(name)) return DamagedSession();
    sum += NameNumber(name.type, name.id);
  }
  select.reset();
  return sum == names ? absl::OkStatus() : DamagedSession();
}

}  // namespace

absl::StatusOr<ReadResult> ReadSession(SqliteConnection& connection, const ReadRequest& request, absl::Time now,
                                       const SessionKeys& keys, SessionRow* session) {
  const absl::StatusOr<SessionRow> found = SelectSessionRow(connection, request.session_id, now);
  if (!found.ok()) return found.status();
  const SessionRow& row = *found;
  if (session != nullptr) *session = row;
  if (request.fence != 0) {
    if (absl::Status checked = CheckFence(row.lease, request.fence); !checked.ok()) return checked;
  }
  const absl::StatusOr<std::optional<DataKey>> opened = keys.Open(request.session_id, row.present, row.data_key);
  if (!opened.ok()) return opened.status();
  const DataKey* const data_key = opened->has_value() ? &**opened : nullptr;
  ReadResult result;
  result.revision = row.revision;
  result.exists = row.present;

  std::size_t bytes = 0;
  if (request.want_creds) {
    absl::StatusOr<std::optional<Value>> creds =
        SelectCreds(connection, request.session_id, data_key, request.max_bytes, &bytes);
    if (!creds.ok()) return creds.status();
    result.creds = *std::move(creds);
  }
  result.values.reserve(request.keys.size());
  for (const KeyName& name : request.keys) {
    absl::StatusOr<std::optional<Value>> value =
        SelectKey(connection, request.session_id, name, data_key, request.max_bytes, &bytes);
    if (!value.ok()) return value.status();
    result.values.push_back(*std::move(value));
  }
  if (row.names.has_value()) {
    if (absl::Status checked = CheckAbsence(connection, request, result, *row.names); !checked.ok()) return checked;
  }
  return result;
}

absl::StatusOr<Snapshot::Page> ReadKeysAfter(SqliteConnection& connection, const SnapshotRequest& request,
                                             absl::Time now, const DataKey* data_key, std::size_t max_bytes,
                                             KeysRead* read) {
  Snapshot::Page page;
  page.last = true;
  std::size_t bytes = 0;
  SQLite::Statement& select = connection.Prepare(sql::kSelectKeysAfter);
  BindText(select, 1, request.session_id);
  const KeyName after = read->last;
  BindText(select, 2, after.type);
  BindText(select, 3, after.id);
  while (select.executeStep()) {
    KeyName name{TextColumn(select, 0), TextColumn(select, 1)};
    // Where a name is damaged there may be no end of pages.
    if (!(read->last < name)) return DamagedSession();
    std::optional<absl::Time> change_time;
    if (!select.isColumnNull(5)) change_time = absl::FromUnixMicros(select.getColumn(5).getInt64());
    if (request.Selects(name.type, change_time, now)) {
      bytes += ByteSize(name, request.want_values ? SizeOfValue(select, 2) : 0);
      if (bytes > max_bytes && !page.empty()) {
        page.last = false;
        break;
      }
      if (request.want_values) {
        absl::StatusOr<Value> value = ValueColumns({request.session_id, name.type, name.id}, select, 2, data_key);
        if (!value.ok()) return value.status();
        page.keys.push_back({name, *std::move(value)});
      }
      if (request.summarizes()) {
        page.summaries.push_back({name, static_cast<std::uint64_t>(select.getColumn(4).getInt64()), change_time});
      }
    }
    read->names += NameNumber(name.type, name.id);
    read->last = std::move(name);
  }
  select.reset();
  return page;
}

std::vector<SessionSummary> ListSessions(SqliteConnection& connection, const ListRequest& request, absl::Time now) {
  std::vector<SessionSummary> sessions;
  // Session ids are ASCII below 0x7f, so this is above every id that starts with the prefix.
  const std::string prefix_end = request.prefix + '\x7f';
  SQLite::Statement& select = connection.Prepare(sql::kListSessions);
  BindText(select, 1, request.after);
  BindText(select, 2, request.prefix);
  BindText(select, 3, prefix_end);
  select.bind(4, static_cast<std::int64_t>(request.limit));
  select.bind(5, request.leased ? 1 : request.with_gone ? 2 : 0);
  select.bind(6, absl::ToUnixMicros(now));
  select.bind(7, absl::ToUnixMicros(now - request.unwritten_for.value_or(-absl::InfiniteDuration())));
  if (request.has_creds.has_value()) select.bind(8, *request.has_creds ? 1 : 0);
  select.bind(9, request.want_size ? 1 : 0);
  BindText(select, 10, request.owner_prefix);
  while (select.executeStep()) {
    SessionSummary summary;
    summary.session_id = TextColumn(select, 0);
    summary.revision = static_cast<std::uint64_t>(select.getColumn(1).getInt64());
    summary.has_creds = select.getColumn(2).getInt() != 0;
    summary.key_count = static_cast<std::uint64_t>(select.getColumn(3).getInt64());
    summary.update_time = absl::FromUnixMicros(select.getColumn(4).getInt64());
    summary.lease = LeaseColumns(select, 5, now);
    summary.stored_bytes = static_cast<std::uint64_t>(select.getColumn(9).getInt64());
    sessions.push_back(std::move(summary));
  }
  select.reset();
  return sessions;
}

}  // namespace authstate::storage
