#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_LEASES_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_LEASES_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/lease.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/put_back.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/session/session_writer.h"

namespace authstate::storage {

// Backend::Leases, by visits to connections, a statement for all of different sessions. One whose connection broke is
// sent once more on a new one: each request but a release may be repeated, and a release that is refused the second
// time is answered as in doubt. Locks are dealt with as by SessionWriter.
//
// Not thread-safe: used by one thread after another.
class LeaseBatch {
 public:
  using Results = std::vector<absl::StatusOr<LeaseResult>>;

  LeaseBatch(const Layout& layout, std::vector<LeaseRequest> requests, absl::Time deadline,
             SessionWriter::IsLocked is_locked = nullptr);

  // Blocks until every request has its result, or it has to wait; not called again after the first.
  std::optional<PutBack> Work(PgConnection& connection);
  // After that, or between visits: result i is that of request i, `status` where it has none. One in doubt says so.
  Results Finish(const absl::Status& status = absl::OkStatus());

 private:
  // Places in `requests_`, of different sessions.
  using Wave = std::vector<std::size_t>;

  void Begin();
  Wave NextWave();
  PgConnection::Parameters Parameters(const Wave& wave) const;
  void Send(PgConnection& connection, const Wave& wave);
  void GiveWay(const Wave& wave);
  void Understand(std::size_t member, const pqxx::row& row);
  // Every request without a result fails with this.
  void FailAll(const absl::Status& status);

  const Layout& layout_;
  const std::vector<LeaseRequest> requests_;
  const absl::Time deadline_;
  const SessionWriter::IsLocked is_locked_;
  bool begun_ = false;
  bool waits_ = true;
  std::vector<std::optional<absl::StatusOr<LeaseResult>>> results_;
  // Which were in a statement of which nobody knows whether it was done.
  std::vector<bool> in_doubt_;
  // What became of a wave that met a lock.
  std::deque<Wave> parts_;
  // A lock was met, by the last statement; by any.
  bool locked_ = false;
  bool was_locked_ = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_SESSION_LEASES_H_
