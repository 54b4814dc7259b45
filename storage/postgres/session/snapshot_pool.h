#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_SNAPSHOT_POOL_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_SNAPSHOT_POOL_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"
#include "storage/postgres/connection/connection_queue.h"
#include "storage/postgres/layout/layout.h"
#include "storage/sealing/session_keys.h"

namespace authstate::storage {

// Snapshots of PostgreSQL: each is a REPEATABLE READ, READ ONLY transaction that stays open between its pages, and so
// keeps one of the connections of all calls to itself, with its thread. At most half of those that there are may be
// kept so (ConnectionQueue::MayBeKept): slow readers do not hold the other calls up.
//
// Thread-safe. Outlives its snapshots.
class SnapshotPool {
 public:
  // `layout`, `keys`, `queue` and `timer` outlive it. The database itself ends a statement that takes longer than
  // `statement_timeout`, at least a millisecond, and a snapshot of which nothing is read for ten minutes.
  SnapshotPool(const Layout& layout, SessionKeys& keys, ConnectionQueue& queue, DeadlineTimer& timer,
               absl::Duration statement_timeout);
  SnapshotPool(const SnapshotPool&) = delete;
  SnapshotPool& operator=(const SnapshotPool&) = delete;

  // Like Backend::OpenSnapshot; Unavailable where the connections that there are leave none for a snapshot.
  void Open(SnapshotRequest request, absl::Time deadline, Backend::SnapshotDone done);

 private:
  friend class PostgresSnapshot;

  // The calls of one snapshot, in order, for the thread that it keeps.
  struct Lane;
  // The right to keep a connection; given back with it.
  class Place;

  // Null when all are taken.
  std::unique_ptr<Place> Take();

  const Layout& layout_;
  SessionKeys& keys_;
  ConnectionQueue& queue_;
  DeadlineTimer& timer_;
  // Begins a snapshot's transaction.
  const std::string begin_;
  absl::Mutex mutex_;
  std::size_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_SNAPSHOT_POOL_H_
