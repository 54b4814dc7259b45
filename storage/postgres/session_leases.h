#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_LEASES_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_LEASES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/lease.h"
#include "storage/postgres/layout.h"
#include "storage/postgres/pg_connection.h"

namespace authstate::storage {

// Does lease requests on one connection, a statement for all of different sessions; blocks until they are answered. A
// statement whose connection broke is sent once more on a new one: each request but a release may be repeated, and a
// release that is refused the second time is answered as in doubt.
std::vector<absl::StatusOr<LeaseResult>> DoLeaseRequests(PgConnection& connection, const Layout& layout,
                                                         const std::vector<LeaseRequest>& requests,
                                                         absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_LEASES_H_
