#ifndef AUTHSTATE_STORAGE_SQLITE_SESSION_READER_H_
#define AUTHSTATE_STORAGE_SQLITE_SESSION_READER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/backend.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/session_row.h"

// What the SQLite driver reads, on one connection, inside a transaction of the caller where several answers have to be
// of one moment. All throw SQLite::Exception.
namespace authstate::storage {

// `now` is the time of the store; `session`, if given, is set to the session's row. What is absent is looked for among
// all names of the session: DataLoss when it is there, or they are not those that the session should have.
absl::StatusOr<ReadResult> ReadSession(SqliteConnection& connection, const ReadRequest& request, absl::Time now,
                                       SessionRow* session = nullptr);

// The next page of keys after `after`; the name of the page's last key is left in `after`. An empty `after.type` is
// before every key.
absl::StatusOr<Snapshot::Page> ReadKeysAfter(SqliteConnection& connection, const std::string& session_id,
                                             std::size_t max_bytes, KeyName* after);

// `now` is the time of the store.
std::vector<SessionSummary> ListSessions(SqliteConnection& connection, const ListRequest& request, absl::Time now);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SESSION_READER_H_
