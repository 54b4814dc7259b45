#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_POOLER_PROBE_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_POOLER_PROBE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/postgres_options.h"

namespace authstate::storage {

// Finds out what stands between this program and the database, by asking: ports and host names tell little.
//
// A server process names itself twice: when a connection is made, so that a statement can be cancelled, and by
// pg_backend_pid(). A pooler makes the first up, as it hands cancellations out itself; so where the two differ there is
// one. Whether it keeps a server connection for each client is then seen from two clients: one asks for its process and
// is idle, the other begins a transaction. If that runs in the same process, or if the first has another one now, then
// connections are shared: transaction mode. A pooler with so many idle connections that this never happens looks like
// one in session mode; statements that do not survive there are noticed when they are missed (StatementNames).
//
// The two connections are ones to the same place. Never returns kDetect. Unavailable when one of them fails.
absl::StatusOr<PoolerMode> DetectPooler(PgConnection& first, PgConnection& second, absl::Time deadline);

// `none`, `session`, `transaction`.
absl::string_view PoolerName(PoolerMode mode);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_POOLER_PROBE_H_
