#ifndef AUTHSTATE_STORAGE_SQLITE_GROUP_WRITER_H_
#define AUTHSTATE_STORAGE_SQLITE_GROUP_WRITER_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/batches/work_queue.h"
#include "storage/counts/statement_stats.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/store_place.h"
#include "storage/sqlite/write_job.h"
#include "storage/store_clock.h"

namespace authstate::storage {

// One thread writes at a time. That of the writer takes all jobs that gathered while it was busy and makes them durable
// with a single transaction, so that the cost of a sync to disk is shared. A small job that finds nobody at work is
// done by the thread that brings it: to wake another one takes about as long as the commit. Each member has a savepoint
// of its own: one that fails leaves the others alone. Thread-safe.
class GroupWriter {
 public:
  // `clock` and `place` outlive it. Nothing is acknowledged that was not written in `place`; null: anywhere. Each
  // transaction counts as one statement in `stats`, which may be null.
  GroupWriter(std::unique_ptr<SqliteConnection> connection, const StoreClock& clock, const StorePlace* place,
              std::size_t queue_limit, std::shared_ptr<StatementStats> stats);
  // Finishes what is queued or under way.
  ~GroupWriter();
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  // Does the job and lets it answer; at once with QueueFull when there is no room.
  void Take(std::unique_ptr<WriteJob> job);

  // The same for a job that takes hardly longer than a sync to disk. The caller's thread may do it, and blocks until
  // then: one such thread at a time, and none from a commit that took long until the writer's own thread has met a
  // quick one.
  void TakeSmall(std::unique_ptr<WriteJob> job);

  // Whether the last attempt to write failed as a whole: a full disk, an error of the disk, a lock of somebody else,
  // a file that is gone.
  bool failing() const { return failing_.load(); }

 private:
  using Group = std::vector<std::unique_ptr<WriteJob>>;

  void Run();
  // So many jobs more wait, or are at work.
  void Count(int waiting, int at_work);
  // Commits the group, which is not answered yet.
  void Do(const Group& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  // Returns whether it was committed.
  bool CommitGroup(const Group& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  // Does all members of the group inside the transaction; tells whether any changed something. Throws when the
  // transaction cannot go on.
  bool DoGroup(const Group& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  bool DoMember(WriteJob& job, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  absl::Status CheckPlace() const { return place_ == nullptr ? absl::OkStatus() : place_->Check(); }
  // A log that lost its name is lost when the process ends: what it holds is put into the database file, as far as that
  // can be done. Does not throw.
  void SaveLog() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);

  // Held by who writes.
  absl::Mutex turn_;
  const std::unique_ptr<SqliteConnection> connection_ ABSL_PT_GUARDED_BY(turn_);
  // Whether the last commit was quick.
  bool quick_ ABSL_GUARDED_BY(turn_) = true;
  const StoreClock& clock_;
  const StorePlace* const place_;
  const std::shared_ptr<StatementStats> stats_;
  std::atomic<bool> failing_ = false;
  WorkQueue<std::unique_ptr<WriteJob>> queue_;
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_GROUP_WRITER_H_
