#include "storage/postgres/connection/connection_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/connection/pg_failure.h"

namespace authstate::storage {
namespace {

// Past its deadline a call at work is about to be answered by the driver, which knows more of it.
constexpr absl::Duration kGrace = absl::Milliseconds(200);
constexpr absl::Duration kRetryDelay = absl::Seconds(1);
// What was put back is answered by this much before its deadline: nothing is under way, and who has the same deadline
// still hears why.
constexpr absl::Duration kFarewell = absl::Milliseconds(100);
constexpr std::size_t kThreadsARetry = 4;
constexpr std::size_t kLeastConnected = 2;
// How long the others do without a further connection once one could not be made.
constexpr absl::Duration kDoWithout = absl::Seconds(5);

absl::Status WaitedTooLong(absl::Duration wait) {
  return WithRetryDelay(
      WithOutcome(Error(absl::StatusCode::kResourceExhausted, kQueueFull,
                        absl::StrCat("no connection to the database was free for ", absl::FormatDuration(wait))),
                  Outcome::kNotApplied),
      kRetryDelay);
}

absl::Status NoConnection(Failure failure) {
  failure.fault = Fault::kNeverBegan;
  failure.wait = kRetryDelay;
  return ToCommitStatus(failure);
}

}  // namespace

ConnectionQueue::ConnectionQueue(DeadlineTimer& timer, std::size_t limit, absl::Duration queue_wait,
                                 std::shared_ptr<StatementStats> stats)
    : limit_(limit),
      queue_wait_(queue_wait),
      stats_(std::move(stats)),
      first_end_(timer, [this] { LookAtOverdue(); }) {}

void ConnectionQueue::CountCalls() {
  if (stats_ == nullptr) return;
  const int waiting = static_cast<int>(waiting_.size() + due_.size());
  const int at_work = static_cast<int>(running_.size());
  stats_->AddCalls(waiting - std::exchange(told_waiting_, waiting), at_work - std::exchange(told_at_work_, at_work));
}

void ConnectionQueue::Add(ConnectionWork work) {
  {
    const absl::MutexLock lock(&mutex_);
    if (!closed_ && waiting_.size() < limit_) {
      const absl::Time now = absl::Now();
      const absl::Time end = std::min(work.deadline, now + queue_wait_);
      waiting_.emplace_back();
      const auto call = std::prev(waiting_.end());
      call->added = now;
      call->work = std::move(work);
      call->where = &waiting_;
      LookAgainAt(call, end);
      CountCalls();
      return;
    }
  }
  std::move(work.end)(QueueFull(), /*at_work=*/false);
}

void ConnectionQueue::Close() {
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
}

void ConnectionQueue::AddThread() {
  const absl::MutexLock lock(&mutex_);
  ++threads_;
}

std::size_t ConnectionQueue::Retries() const {
  const std::size_t most = std::max(threads_ / kThreadsARetry, std::size_t{1});
  return std::min(due_.size(), most - std::min(most, retrying_));
}

void ConnectionQueue::Changed(ThreadState from, ThreadState to, const std::optional<Failure>& failure) {
  const absl::MutexLock lock(&mutex_);
  if (from == ThreadState::kConnected) --connected_;
  if (from == ThreadState::kFailed) --failed_;
  if (to == ThreadState::kConnected) ++connected_;
  if (to == ThreadState::kFailed) ++failed_;
  if (to == ThreadState::kFailed) {
    failure_ = failure;
    failed_at_ = absl::Now();
  } else if (failed_ == 0) {
    failure_.reset();
  }
}

std::size_t ConnectionQueue::Least() const { return std::min(threads_, kLeastConnected); }

std::size_t ConnectionQueue::Usable() const { return failed_ > 0 ? connected_ : threads_; }

std::optional<Failure> ConnectionQueue::TooFew() const {
  const absl::MutexLock lock(&mutex_);
  return Usable() < Least() ? failure_ : std::nullopt;
}

std::size_t ConnectionQueue::MayBeKept() const {
  const absl::MutexLock lock(&mutex_);
  return Usable() / 2;
}

bool ConnectionQueue::Ended() const { return closed_ && waiting_.empty() && resting_.empty() && due_.empty(); }

bool ConnectionQueue::Claimable() const { return Takeable() > claimed_ || Ended(); }

ConnectionQueue::Turn ConnectionQueue::AwaitTurn(absl::Time connects_at) {
  const absl::MutexLock lock(&mutex_);
  while (true) {
    const bool work = Takeable() > claimed_;
    if (!work && Ended()) return Turn::kEnd;
    const std::size_t connected = connected_;
    const std::size_t connecting = connecting_;
    const bool needed = connected + connecting < Least();
    const absl::Time at = needed ? connects_at : std::max(connects_at, failed_at_ + kDoWithout);
    const absl::Time now = absl::Now();
    if ((work || needed) && now >= at) {
      ++connecting_;
      return Turn::kConnect;
    }
    // In an outage calls are told so at once.
    if (work && connected == 0 && (connecting == 0 || failed_ == threads_)) {
      ++claimed_;
      return Turn::kWork;
    }
    const auto has_changed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return (Takeable() > claimed_) != work || connected_ != connected || connecting_ != connecting || Ended();
    };
    mutex_.AwaitWithDeadline(absl::Condition(&has_changed), work || needed ? at : absl::InfiniteFuture());
  }
}

bool ConnectionQueue::Claim() {
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ConnectionQueue::Claimable));
  if (Takeable() <= claimed_) return false;
  ++claimed_;
  return true;
}

bool ConnectionQueue::HasLine(const std::string& line) const {
  const absl::MutexLock lock(&mutex_);
  return lines_.contains(line);
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

void ConnectionQueue::Move(QueuedCalls::iterator call, QueuedCalls* to) {
  to->splice(to->end(), *call->where, call);
  call->where = to;
}

void ConnectionQueue::LookAgainAt(QueuedCalls::iterator call, absl::Time time) {
  if (call->end.has_value()) ends_.erase(*call->end);
  call->end = ends_.emplace(time, call);
  first_end_.SetIfEarlier(time);
}

std::optional<ConnectionQueue::QueuedCalls::iterator> ConnectionQueue::Take() {
  while (true) {
    const bool retry = Retries() > 0 && (waiting_.empty() || !retried_last_);
    if (!retry && waiting_.empty()) return std::nullopt;
    const auto call = retry ? due_.begin() : waiting_.begin();
    const auto line = retry || call->in_line ? lines_.end() : lines_.find(call->work.line);
    if (line != lines_.end()) {
      call->put_back = true;
      call->in_line = true;
      line->second.push_back(call);
      Move(call, &resting_);
      LookAgainAt(call, call->work.deadline - kFarewell);
      continue;
    }
    retried_last_ = retry;
    call->retried = retry;
    if (retry) ++retrying_;
    Move(call, &running_);
    const absl::Time now = absl::Now();
    if (stats_ != nullptr && !call->put_back) stats_->RecordWait(now - call->added);
    // From now where its deadline has passed already: it is about to answer that it did nothing.
    LookAgainAt(call, std::max(call->work.deadline, now) + kGrace);
    return call;
  }
}

void ConnectionQueue::RunNext(PgConnection& connection) {
  std::optional<QueuedCalls::iterator> taken;
  {
    const absl::MutexLock lock(&mutex_);
    --claimed_;
    taken = Take();
    CountCalls();
  }
  if (!taken.has_value()) return;
  const QueuedCalls::iterator call = *taken;
  const std::optional<PutBack> put_back = call->work.run(connection);
  QueuedCalls done;
  {
    const absl::MutexLock lock(&mutex_);
    if (call->retried) --retrying_;
    call->retried = false;
    if (put_back.has_value() && call->end.has_value()) {
      Rest(call, *put_back);
      return CountCalls();
    }
    if (call->end.has_value()) ends_.erase(*call->end);
    LeaveLine(call);
    Move(call, &done);
    CountCalls();
  }
  if (call->work.keep != nullptr) std::move(call->work.keep)(connection);
}

void ConnectionQueue::Rest(QueuedCalls::iterator call, const PutBack& put_back) {
  call->put_back = true;
  absl::Time until = absl::Now() + put_back.pause.value_or(absl::ZeroDuration());
  if (!put_back.pause.has_value()) {
    if (!call->backoff.has_value()) call->backoff.emplace();
    call->backoff->Failed(absl::Now());
    until += call->backoff->Wait(absl::Now());
    if (!call->in_line && !call->work.line.empty()) {
      call->in_line = true;
      Line& line = lines_[call->work.line];
      line.push_back(call);
      if (line.front() != call) until = absl::InfiniteFuture();
    }
  }
  Move(call, &resting_);
  if (put_back.pause == absl::ZeroDuration()) return TryAgain(call);
  LookAgainAt(call, std::min(until, call->work.deadline - kFarewell));
}

// What has never found a lock in its way is as good as what waits; of the others there may be so many that all threads
// would be busy with nothing else.
void ConnectionQueue::TryAgain(QueuedCalls::iterator call) {
  Move(call, call->backoff.has_value() ? &due_ : &waiting_);
  LookAgainAt(call, call->work.deadline - kFarewell);
}

void ConnectionQueue::LeaveLine(QueuedCalls::iterator call) {
  if (!std::exchange(call->in_line, false)) return;
  const auto found = lines_.find(call->work.line);
  Line& line = found->second;
  const bool was_first = line.front() == call;
  line.erase(std::find(line.begin(), line.end(), call));
  if (line.empty()) {
    lines_.erase(found);
  } else if (was_first) {
    TryAgain(line.front());
  }
}

void ConnectionQueue::LookAtFirst() {
  const QueuedCalls::iterator call = ends_.begin()->second;
  const absl::Time now = absl::Now();
  if (call->where == &resting_ && now < call->work.deadline - kFarewell) return TryAgain(call);
  const bool at_work = call->where == &running_;
  const absl::Status reason = Reason(*call, now);
  ends_.erase(*call->end);
  call->end.reset();
  auto end = std::move(call->work.end);
  QueuedCalls ended;
  // One that is at work stays with its thread.
  if (!at_work) {
    LeaveLine(call);
    Move(call, &ended);
  }
  mutex_.Unlock();
  std::move(end)(reason, at_work);
  ended.clear();
  mutex_.Lock();
}

absl::Status ConnectionQueue::Reason(const QueuedCall& call, absl::Time now) const {
  if (call.where == &running_) return DeadlinePassedAtWork();
  if (call.put_back) return LockedTillDeadline();
  if (call.work.deadline <= now) return DeadlinePassedInQueue();
  return connected_ == 0 && connecting_ + failed_ > 0 ? NoConnection(failure_.value_or(Failure()))
                                                      : WaitedTooLong(queue_wait_);
}

void ConnectionQueue::LookAtOverdue() {
  const absl::MutexLock lock(&mutex_);
  if (!ends_.empty() && ends_.begin()->first <= absl::Now()) LookAtFirst();
  CountCalls();
  first_end_.Set(ends_.empty() ? absl::InfiniteFuture() : ends_.begin()->first);
}

}  // namespace authstate::storage
