#ifndef AUTHSTATE_STORAGE_SQLITE_LEASE_APPLIER_H_
#define AUTHSTATE_STORAGE_SQLITE_LEASE_APPLIER_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/lease.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// Does one lease request inside a transaction that the caller has begun and will end; an error (FailedPrecondition)
// means that nothing was changed. `now` is the time of the store. Throws SQLite::Exception.
absl::StatusOr<LeaseResult> ApplyLeaseRequest(SqliteConnection& connection, const LeaseRequest& request,
                                              absl::Time now);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_LEASE_APPLIER_H_
