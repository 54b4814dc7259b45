#include "storage/postgres/connection/connection_thread.h"

#include <optional>
#include <utility>

namespace authstate::storage {

ConnectionThread::ConnectionThread(std::unique_ptr<PgConnection> connection, ConnectionQueue& queue)
    : connection_(std::move(connection)), queue_(queue) {
  queue_.AddThread();
  thread_ = std::thread([this] { Run(); });
}

ConnectionThread::~ConnectionThread() { thread_.join(); }

void ConnectionThread::Run() {
  while (true) {
    if (!connection_->connected()) {
      const ConnectionQueue::Turn turn = queue_.AwaitTurn(connection_->connects_at());
      if (turn == ConnectionQueue::Turn::kEnd) break;
      if (turn == ConnectionQueue::Turn::kConnect) {
        Connect();
        continue;
      }
    } else if (!queue_.Claim()) {
      break;
    }
    if (connection_->ShouldConnect()) {
      queue_.BeginConnecting();
      Connect();
    } else {
      queue_.RunNext(*connection_);
      // One that was lost is made again when it is wanted; a try that failed meanwhile is known by then.
      if (!connection_->connected() && state_ == ThreadState::kConnected) Become(ThreadState::kIdle);
      if (connection_->connected()) Become(ThreadState::kConnected);
    }
  }
}

void ConnectionThread::Connect() {
  // It counts for nothing while it is being made anew.
  if (state_ == ThreadState::kConnected) Become(ThreadState::kIdle);
  // Whether it came to be is seen by the work, which then fails at once.
  Become(connection_->Connect().ok() ? ThreadState::kConnected : ThreadState::kFailed);
  queue_.EndConnecting();
}

void ConnectionThread::Become(ThreadState state) {
  const bool again = state == state_ && state != ThreadState::kFailed;
  if (again) return;
  queue_.Changed(state_, state,
                 state == ThreadState::kFailed ? std::optional(connection_->NotConnectedYet()) : std::nullopt);
  state_ = state;
}

}  // namespace authstate::storage
