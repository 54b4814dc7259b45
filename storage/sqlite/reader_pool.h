#ifndef AUTHSTATE_STORAGE_SQLITE_READER_POOL_H_
#define AUTHSTATE_STORAGE_SQLITE_READER_POOL_H_

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/batches/work_queue.h"
#include "storage/counts/statement_stats.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// Threads that read, each with a connection of its own. Thread-safe.
class ReaderPool {
 public:
  // Called once: on a reader's thread with its connection; or, in place or there, with the reason why it cannot be had
  // (QueueFull, DeadlinePassedInQueue). Does not throw.
  using Task = absl::AnyInvocable<void(absl::StatusOr<SqliteConnection*>) &&>;

  // Each task counts as one statement in `stats`, which may be null.
  ReaderPool(std::vector<std::unique_ptr<SqliteConnection>> connections, std::size_t queue_limit,
             std::shared_ptr<StatementStats> stats);
  // Finishes what is queued.
  ~ReaderPool();
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  void Run(absl::Time deadline, Task task);

 private:
  struct Work {
    absl::Time deadline;
    absl::Time added;
    Task task;
  };

  // So many tasks more wait, or are at work.
  void Count(int waiting, int at_work);
  void Serve(SqliteConnection* connection);

  const std::vector<std::unique_ptr<SqliteConnection>> connections_;
  const std::shared_ptr<StatementStats> stats_;
  WorkQueue<Work> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_READER_POOL_H_
