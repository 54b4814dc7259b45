#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_READER_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_READER_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"
#include "storage/sealing/session_keys.h"

namespace authstate::storage {

// The parameters of Layout::read.
PgConnection::Parameters EncodeReads(const std::vector<ReadRequest>& requests);

// Reads on one connection, one statement each; block until they are answered. A read whose connection broke is asked
// once more on a new one, as it changes nothing. Nullopt: a lock was in the way, as a change of a table takes it; one
// of a row is in the way of no read.
std::optional<std::vector<absl::StatusOr<ReadResult>>> ReadSessions(PgConnection& connection, const Layout& layout,
                                                                    SessionKeys& keys,
                                                                    const std::vector<ReadRequest>& requests,
                                                                    absl::Time deadline);

std::optional<absl::StatusOr<std::vector<SessionSummary>>> ListSessions(PgConnection& connection, const Layout& layout,
                                                                        const ListRequest& request,
                                                                        absl::Time deadline);

absl::Status PingDatabase(PgConnection& connection, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_READER_H_
