#include "storage/postgres/connection_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/pg_failure.h"

namespace authstate::storage {
namespace {

// Past its deadline a call at work is about to be answered by the driver, which knows more of it.
constexpr absl::Duration kGrace = absl::Milliseconds(200);
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status WaitedTooLong(absl::Duration wait) {
  return WithRetryDelay(
      WithOutcome(Error(absl::StatusCode::kResourceExhausted, kQueueFull,
                        absl::StrCat("no connection to the database was free for ", absl::FormatDuration(wait))),
                  Outcome::kNotApplied),
      kRetryDelay);
}

absl::Status NoConnection() {
  Failure failure;
  failure.fault = Fault::kNeverBegan;
  failure.wait = kRetryDelay;
  return ToCommitStatus(failure);
}

}  // namespace

ConnectionQueue::ConnectionQueue(std::size_t limit, absl::Duration queue_wait)
    : limit_(limit), queue_wait_(queue_wait), timer_([this] { MindTheTime(); }) {}

ConnectionQueue::~ConnectionQueue() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    alarm_.WakeBy(absl::InfinitePast());
  }
  timer_.join();
}

void ConnectionQueue::Add(ConnectionWork work) {
  {
    const absl::MutexLock lock(&mutex_);
    if (!closed_ && waiting_.size() < limit_) {
      const absl::Time end = std::min(work.deadline, absl::Now() + queue_wait_);
      waiting_.push_back({std::move(work), false, std::nullopt});
      const auto call = std::prev(waiting_.end());
      call->end = ends_.emplace(end, call);
      alarm_.WakeBy(end);
      return;
    }
  }
  std::move(work.end)(QueueFull());
}

void ConnectionQueue::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
}

void ConnectionQueue::AddThread() {
  const absl::MutexLock lock(&mutex_);
  ++threads_;
}

bool ConnectionQueue::Claimable() const { return waiting_.size() > claimed_ || (closed_ && waiting_.empty()); }

bool ConnectionQueue::Claim() {
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ConnectionQueue::Claimable));
  if (waiting_.empty()) return false;
  ++claimed_;
  return true;
}

void ConnectionQueue::BeginConnecting() {
  const absl::MutexLock lock(&mutex_);
  --claimed_;
  ++connecting_;
}

void ConnectionQueue::EndConnecting() {
  const absl::MutexLock lock(&mutex_);
  --connecting_;
}

void ConnectionQueue::RunNext(PgConnection& connection) {
  Calls::iterator call;
  {
    const absl::MutexLock lock(&mutex_);
    --claimed_;
    if (waiting_.empty()) return;
    call = waiting_.begin();
    running_.splice(running_.end(), waiting_, call);
    call->running = true;
    ends_.erase(*call->end);
    call->end = ends_.emplace(call->work.deadline + kGrace, call);
    alarm_.WakeBy((*call->end)->first);
  }
  std::move(call->work.run)(connection);
  Calls done;
  {
    const absl::MutexLock lock(&mutex_);
    if (call->end.has_value()) ends_.erase(*call->end);
    done.splice(done.end(), running_, call);
  }
}

void ConnectionQueue::EndFirst() {
  const Calls::iterator call = ends_.begin()->second;
  const absl::Status reason = Reason(*call, absl::Now());
  ends_.erase(ends_.begin());
  call->end.reset();
  auto end = std::move(call->work.end);
  Calls ended;
  // One that is at work stays with its thread.
  if (!call->running) ended.splice(ended.end(), waiting_, call);
  mutex_.Unlock();
  std::move(end)(reason);
  ended.clear();
  mutex_.Lock();
}

absl::Status ConnectionQueue::Reason(const Call& call, absl::Time now) const {
  if (call.running) return DeadlinePassedAtWork();
  if (call.work.deadline <= now) return DeadlinePassedInQueue();
  return connecting_ >= threads_ ? NoConnection() : WaitedTooLong(queue_wait_);
}

void ConnectionQueue::MindTheTime() {
  const absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    if (!ends_.empty() && ends_.begin()->first <= absl::Now()) {
      EndFirst();
    } else {
      alarm_.SleepUntil(&mutex_, ends_.empty() ? absl::InfiniteFuture() : ends_.begin()->first);
    }
  }
}

}  // namespace authstate::storage
