#ifndef AUTHSTATE_STORAGE_SQLITE_STORE_MARKER_H_
#define AUTHSTATE_STORAGE_SQLITE_STORE_MARKER_H_

#include <string>

#include "absl/status/status.h"

// What tells, where a database is missing or empty, that there was one: an empty store in its place would answer that
// no session was ever paired. All take the path as the operator names it.
namespace authstate::storage {

// FailedPrecondition where there is no database, or one of 0 bytes, beside a log that is not empty. To be asked before
// SQLite opens the file, for it deletes such a log.
absl::Status CheckLogHasItsDatabase(const std::string& path);

// A small file beside the database, `<path>.made`, whose existence says that a store was made at this path. It is left
// where the path leads by name, not where a link leads, so that it still tells when the link's target is gone.
std::string MarkerPath(const std::string& path);
bool HasMarker(const std::string& path);
// Leaves it unless it is there. PermissionDenied and what else the system says.
absl::Status LeaveMarker(const std::string& path);

// FailedPrecondition: there is a marker, and no store.
absl::Status MarkedStoreIsGone(const std::string& path);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_STORE_MARKER_H_
