#include "storage/postgres/connection_thread.h"

#include <utility>

namespace authstate::storage {

ConnectionThread::ConnectionThread(std::unique_ptr<PgConnection> connection, ConnectionQueue& queue)
    : connection_(std::move(connection)), queue_(queue) {
  queue_.AddThread();
  thread_ = std::thread([this] { Run(); });
}

ConnectionThread::~ConnectionThread() { thread_.join(); }

void ConnectionThread::Run() {
  while (queue_.Claim()) {
    if (connection_->ShouldConnect()) {
      queue_.BeginConnecting();
      // Whether it came to be is seen by the work, which then fails at once.
      connection_->Connect().IgnoreError();
      queue_.EndConnecting();
    } else {
      queue_.RunNext(*connection_);
    }
  }
}

}  // namespace authstate::storage
