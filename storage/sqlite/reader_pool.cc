#include "storage/sqlite/reader_pool.h"

#include <utility>

#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::storage {

ReaderPool::ReaderPool(std::vector<std::unique_ptr<SqliteConnection>> connections, std::size_t queue_limit,
                       std::shared_ptr<StatementStats> stats)
    : connections_(std::move(connections)), stats_(std::move(stats)), queue_(queue_limit) {
  threads_.reserve(connections_.size());
  for (const auto& connection : connections_) {
    threads_.emplace_back([this, reader = connection.get()] { Serve(reader); });
  }
}

ReaderPool::~ReaderPool() {
  queue_.Close();
  for (std::thread& thread : threads_) thread.join();
}

void ReaderPool::Run(absl::Time deadline, Task task) {
  Work work{deadline, absl::Now(), std::move(task)};
  Count(1, 0);
  if (queue_.TryPush(work)) return;
  Count(-1, 0);
  std::move(work.task)(QueueFull());
}

void ReaderPool::Count(int waiting, int at_work) {
  if (stats_ != nullptr) stats_->AddCalls(waiting, at_work);
}

void ReaderPool::Serve(SqliteConnection* connection) {
  while (true) {
    std::vector<Work> batch = queue_.PopBatch(1);
    if (batch.empty()) return;
    Work& work = batch.front();
    const absl::Time start = absl::Now();
    Count(-1, 1);
    if (stats_ != nullptr) stats_->RecordWait(start - work.added);
    if (work.deadline <= start) {
      std::move(work.task)(DeadlinePassedInQueue());
    } else {
      std::move(work.task)(connection);
      if (stats_ != nullptr) stats_->Record(absl::Now() - start, "");
    }
    Count(0, -1);
  }
}

}  // namespace authstate::storage
