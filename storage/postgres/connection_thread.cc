#include "storage/postgres/connection_thread.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::storage {

void Enqueue(ConnectionQueue& queue, ConnectionWork work) {
  if (!queue.TryPush(work)) std::move(work.run)(QueueFull());
}

ConnectionThread::ConnectionThread(std::unique_ptr<PgConnection> connection, ConnectionQueue& queue)
    : connection_(std::move(connection)), queue_(queue), thread_([this] { Run(); }) {}

ConnectionThread::~ConnectionThread() { thread_.join(); }

void ConnectionThread::Run() {
  // One at a time: the next one may go to another thread that is free sooner.
  for (std::vector<ConnectionWork> work = queue_.PopBatch(1); !work.empty(); work = queue_.PopBatch(1)) {
    ConnectionWork& next = work.front();
    if (next.deadline <= absl::Now()) {
      std::move(next.run)(DeadlinePassedInQueue());
    } else {
      std::move(next.run)(connection_.get());
    }
  }
}

}  // namespace authstate::storage
