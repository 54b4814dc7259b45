#ifndef AUTHSTATE_STORAGE_POSTGRES_SNAPSHOT_POOL_H_
#define AUTHSTATE_STORAGE_POSTGRES_SNAPSHOT_POOL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/postgres/connection_thread.h"
#include "storage/postgres/layout.h"
#include "storage/postgres/pg_connection.h"

namespace authstate::storage {

// Snapshots of PostgreSQL: each is a REPEATABLE READ, READ ONLY transaction that stays open between its pages, and so
// has a connection to itself. The connections are apart from those of other calls, which a slow reader cannot hold up;
// how many there are bounds how many snapshots are open.
//
// Thread-safe. Outlives its snapshots.
class SnapshotPool {
 public:
  // `layout` outlives it. The database itself ends a statement that takes longer than `statement_timeout`, at least a
  // millisecond, and a snapshot of which nothing is read for ten minutes.
  SnapshotPool(const Layout& layout, int connections, absl::Duration statement_timeout,
               const std::function<std::unique_ptr<PgConnection>()>& new_connection);
  // Waits for the calls under way.
  ~SnapshotPool();
  SnapshotPool(const SnapshotPool&) = delete;
  SnapshotPool& operator=(const SnapshotPool&) = delete;

  // Like Backend::OpenSnapshot.
  void Open(std::string session_id, absl::Time deadline, Backend::SnapshotDone done);

 private:
  friend class PostgresSnapshot;

  // A connection with its thread and its own queue: the work of a snapshot is done in order, and an Open that follows
  // the end of another snapshot waits until that is undone.
  struct Lane;
  class Lease;

  // Null when all are taken.
  Lane* Take();
  void GiveBack(Lane* lane);
  // Takes the lane over, unless a lock is in the way: nullopt.
  static std::optional<absl::StatusOr<std::unique_ptr<Snapshot>>> OpenOn(std::unique_ptr<Lease>& lane,
                                                                         PgConnection& connection,
                                                                         const std::string& session_id,
                                                                         absl::Time deadline);

  const Layout& layout_;
  // Begins a snapshot's transaction.
  const std::string begin_;
  absl::Mutex mutex_;
  std::vector<Lane*> free_ ABSL_GUARDED_BY(mutex_);
  // Last, so that their threads end before what they give themselves back to.
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SNAPSHOT_POOL_H_
