#ifndef AUTHSTATE_STORAGE_SQLITE_COMMIT_APPLIER_H_
#define AUTHSTATE_STORAGE_SQLITE_COMMIT_APPLIER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/sealing/session_keys.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// Applies one commit inside a transaction that the caller has begun and will end. An error (NotFound, Aborted,
// FailedPrecondition) means that nothing was changed. `now` is the time of the store. Throws SQLite::Exception, after
// which the caller has to undo what was done. `replayed`, if any, becomes true where it was applied before, and so
// changes nothing now.
absl::StatusOr<Applied> ApplyCommit(SqliteConnection& connection, const Commit& commit, absl::Time now,
                                    const SessionKeys& keys, bool* replayed = nullptr);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_COMMIT_APPLIER_H_
