#ifndef AUTHSTATE_STORAGE_SQLITE_SESSION_READER_H_
#define AUTHSTATE_STORAGE_SQLITE_SESSION_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/backend.h"
#include "storage/sealing/session_keys.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/session_row.h"

// What the SQLite driver reads, on one connection, inside a transaction of the caller where several answers have to be
// of one moment. All throw SQLite::Exception.
namespace authstate::storage {

// `now` is the time of the store; `session`, if given, is set to the session's row. What is absent is looked for among
// all names of the session: DataLoss when it is there, or they are not those that the session should have.
absl::StatusOr<ReadResult> ReadSession(SqliteConnection& connection, const ReadRequest& request, absl::Time now,
                                       const SessionKeys& keys, SessionRow* session = nullptr);

// How far the keys of a session have been read.
struct KeysRead {
  // The last key that was looked at; an empty type is before every key.
  KeyName last;
  // The sum over the names of the keys that were looked at, asked for or not.
  std::int64_t names = 0;
};

// The next page of the keys that `request` asks for, at the time `now` of the store. Moves `read` on. `data_key` is
// that of the session; null: it has none.
absl::StatusOr<Snapshot::Page> ReadKeysAfter(SqliteConnection& connection, const SnapshotRequest& request,
                                             absl::Time now, const DataKey* data_key, std::size_t max_bytes,
                                             KeysRead* read);

// `now` is the time of the store.
std::vector<SessionSummary> ListSessions(SqliteConnection& connection, const ListRequest& request, absl::Time now);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SESSION_READER_H_
