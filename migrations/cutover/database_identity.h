#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_DATABASE_IDENTITY_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_DATABASE_IDENTITY_H_

#include "absl/status/status.h"
#include "migrations/tables/table_move.h"

namespace authstate::cutover {

// OK when neither database of `copies` is one of `live`, whatever way leads to them: host names and ports tell little,
// as a pooler has its own. FailedPrecondition when one is, or when it cannot be told.
//
// Told by the microsecond at which the server was started and by the database's number there. Unlike the identifier of
// the cluster these also tell a server from one that was restored from its files.
absl::Status RefuseLive(tables::TableMove& copies, tables::TableMove& live);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_DATABASE_IDENTITY_H_
