#ifndef AUTHSTATE_STORAGE_POSTGRES_POSTGRES_BACKEND_H_
#define AUTHSTATE_STORAGE_POSTGRES_POSTGRES_BACKEND_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/backend.h"
#include "storage/postgres/postgres_options.h"

namespace authstate::storage {

// A store in PostgreSQL 12 or newer, in the layout that is found or named (PostgresLayout): storage/backend.h over a
// bounded set of connections, one statement for a batch, and no session state, so that it also works through a pooler
// in transaction mode.
//
// Opening makes the connections that it cannot do without (three, if it may have as many), and checks the schema or
// makes it. Fails with
//   InvalidArgument     the URL cannot be read
//   Unavailable         the database cannot be reached; the cause on one line, without secrets; kDatabaseReadOnly where
//                       it takes no writes, kTooManyConnections where it does not let us have what we need
//   Unauthenticated, NotFound, PermissionDenied, FailedPrecondition with reason kDatabaseRefused: it refuses us, or we
//                       its certificate (connect_error.h)
//   FailedPrecondition  its schema is none that this program serves (kSchemaUnknown), its tables are not as the
//                       layout needs them, or its text is not UTF-8
// Where fewer connections can be made later on, the others serve; where it is fewer than one for calls and one for a
// snapshot, signs of life fail with the cause, and the missing ones are tried again and again. While the database is
// away, calls fail at once with Unavailable and a retry delay, and connections are made again with jittered backoff.
//
// No call keeps a connection while it waits for a lock of another transaction: it is put back and tried again, with
// growing pauses, until its deadline (Commit::wait_for_lock). Through a pooler in transaction mode
// that is so for the locks of rows alone: what waits for a change of a table waits on its connection.
//
// Every call ends by its deadline, but for a moment, also while the making of a connection hangs. A commit whose
// connection broke, or that overran, once it had been sent is looked up (commit_resolution.h); it is answered as in
// doubt, Outcome::kUnknown, only when the database does not tell in time, or when it has no id.
absl::StatusOr<std::unique_ptr<Backend>> OpenPostgresBackend(const PostgresOptions& options);

// Backend::CheckHolds of a store in that layout (Description::layout), also while there is none. Thread-safe.
absl::Status CheckLayoutHolds(absl::string_view layout, const Commit& commit);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_POSTGRES_BACKEND_H_
