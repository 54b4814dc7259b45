#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_LEASES_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_LEASES_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/lease.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/put_back.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/session/waves.h"

namespace authstate::storage {

// Backend::Leases, by visits to connections, in waves. A wave whose connection broke is sent once more on a new one:
// each request but a release may be repeated, and a release that is refused the second time is answered as in doubt.
//
// Not thread-safe: used by one thread after another.
class LeaseBatch {
 public:
  using Results = Waves<LeaseRequest, LeaseResult>::Results;

  LeaseBatch(const Layout& layout, std::vector<LeaseRequest> requests, absl::Time deadline,
             IsLocked is_locked = nullptr);

  // Blocks until every request has its result, or it has to wait; not called again after the first.
  std::optional<PutBack> Work(PgConnection& connection);
  // After that, or between visits: result i is that of request i, `status` where it has none. One in doubt says so.
  Results Finish(const absl::Status& status = absl::OkStatus());

 private:
  PgConnection::Parameters Parameters(const Wave& wave) const;
  void Send(PgConnection& connection, const Wave& wave);
  void Understand(std::size_t place, const pqxx::row& row);

  const Layout& layout_;
  const absl::Time deadline_;
  Waves<LeaseRequest, LeaseResult> waves_;
  // Which were in a statement of which nobody knows whether it was done, and of which no answer has told since.
  std::vector<bool> in_doubt_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_LEASES_H_
