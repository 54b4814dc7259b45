#include "server/rpc/snapshot_slots.h"

#include <algorithm>
#include <limits>

#include "absl/time/clock.h"
#include "server/rpc/admission.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

// A page may take this long for its bytes without counting as slow.
absl::Duration AllowanceFor(std::size_t bytes) {
  constexpr double kBytesPerSecond = 8 << 20;
  return absl::Seconds(static_cast<double>(bytes) / kBytesPerSecond);
}

}  // namespace

SnapshotSlots::SnapshotSlots(storage::DeadlineTimer& timer, Options options)
    : options_(std::move(options)), next_end_(timer, [this] { LookAtOverdue(); }) {}

void SnapshotSlots::Share() {
  if (!waiting_.empty()) {
    slots_ = options_.slots();
    const absl::Time now = absl::Now();
    while (held_.size() < slots_) {
      Claim* const claim = Next(/*by_all=*/slots_ == 1 || held_.size() + 1 < slots_, now);
      if (claim == nullptr) break;
      held_.splice(held_.end(), waiting_, claim->place_);
      claim->state_ = Claim::State::kHeld;
      claim->contended_left_ = options_.contended_patience;
      --claim->caller_->second.waiting;
      ++claim->caller_->second.held;
      answers_.emplace_back(std::move(claim->done_), absl::OkStatus());
    }
  }
  next_end_.SetIfEarlier(NextEnd());
  Answer();
}

SnapshotSlots::Claim* SnapshotSlots::Next(bool by_all, absl::Time now) {
  Claim* next = nullptr;
  for (Claim* const claim : waiting_) {
    if (next != nullptr && next->caller_->second.rank() <= claim->caller_->second.rank()) continue;
    if (!by_all && DoesNotRead(claim->caller_, now)) continue;
    next = claim;
    if (claim->caller_->second.rank() == 0) break;
  }
  return next;
}

bool SnapshotSlots::DoesNotRead(Callers::const_iterator caller, absl::Time now) const {
  if (caller->second.slow) return true;
  return std::any_of(held_.begin(), held_.end(), [&](const Claim* claim) {
    return claim->caller_ == caller && claim->lies_since_.has_value() && now - *claim->lies_since_ >= options_.stall;
  });
}

void SnapshotSlots::StopWaiting(Claim* claim, absl::Status status) {
  waiting_.erase(claim->place_);
  claim->state_ = Claim::State::kIdle;
  --claim->caller_->second.waiting;
  ForgetIfIdle(claim->caller_);
  answers_.emplace_back(std::move(claim->done_), std::move(status));
}

void SnapshotSlots::ForgetIfIdle(Callers::iterator caller) {
  if (caller->second.held == 0 && caller->second.waiting == 0) callers_.erase(caller);
}

void SnapshotSlots::Answer() {
  if (answering_) return;
  answering_ = true;
  while (!answers_.empty()) {
    auto [done, status] = std::move(answers_.front());
    answers_.pop_front();
    mutex_.Unlock();
    std::move(done)(std::move(status));
    done = nullptr;
    mutex_.Lock();
  }
  answering_ = false;
}

absl::Time SnapshotSlots::EndOf(const Claim& claim) const {
  if (!claim.lies_since_.has_value() || !claim.given_up_.ok()) return absl::InfiniteFuture();
  return *claim.lies_since_ + options_.patience;
}

absl::Time SnapshotSlots::ContendedEndOf(const Claim& claim, std::size_t lowest_rank) {
  if (!claim.lies_since_.has_value() || !claim.given_up_.ok()) return absl::InfiniteFuture();
  if (claim.caller_->second.rank() <= lowest_rank) return absl::InfiniteFuture();
  return *claim.lies_since_ + claim.contended_left_;
}

std::size_t SnapshotSlots::LowestRankOfWaiting() const {
  const auto leaving =
      std::count_if(held_.begin(), held_.end(), [](const Claim* claim) { return !claim->given_up_.ok(); });
  if (held_.size() - static_cast<std::size_t>(leaving) < slots_) return kNobody;
  std::size_t lowest = kNobody;
  for (const Claim* const claim : waiting_) {
    lowest = std::min(lowest, claim->caller_->second.rank());
    if (lowest == 0) break;
  }
  return lowest;
}

void SnapshotSlots::GiveUp(Claim* claim, absl::Status status) {
  claim->given_up_ = std::move(status);
  claim->caller_->second.slow = true;
  claim->give_up_();
}

absl::Time SnapshotSlots::NextEnd() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Claim* const claim : waiting_) next = std::min(next, claim->deadline_);
  const std::size_t lowest_rank = LowestRankOfWaiting();
  for (const Claim* const claim : held_) next = std::min({next, EndOf(*claim), ContendedEndOf(*claim, lowest_rank)});
  return next;
}

void SnapshotSlots::EndOverdue(absl::Time now) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    Claim* const claim = *at++;
    if (claim->deadline_ <= now) StopWaiting(claim, storage::DeadlinePassedInQueue());
  }
  for (Claim* const claim : held_) {
    if (EndOf(*claim) <= now) {
      GiveUp(claim, storage::Error(absl::StatusCode::kDeadlineExceeded, storage::kDeadlinePassed,
                                   "the reader took a page too slowly"));
    }
  }
  // One at a time, as the next to get a slot changes who has fewer.
  const std::size_t lowest_rank = LowestRankOfWaiting();
  Claim* slowest = nullptr;
  for (Claim* const claim : held_) {
    if (ContendedEndOf(*claim, lowest_rank) > now) continue;
    if (slowest == nullptr || claim->caller_->second.rank() > slowest->caller_->second.rank()) slowest = claim;
  }
  if (slowest != nullptr) {
    GiveUp(slowest, Overloaded("the reader took the pages slowly while others waited to load a session; read them "
                               "without a pause, and try again later"));
  }
}

void SnapshotSlots::LookAtOverdue() {
  const absl::MutexLock lock(&mutex_);
  EndOverdue(absl::Now());
  Answer();
  next_end_.Set(NextEnd());
}

void SnapshotSlots::Claim::Await(absl::Time deadline, Done done) {
  const absl::MutexLock lock(&slots_.mutex_);
  caller_ = slots_.callers_.try_emplace(name_).first;
  if (caller_->second.waiting >= slots_.options_.max_waiting_of_caller) {
    slots_.answers_.emplace_back(
        std::move(done), Overloaded("this connection has too many sessions waiting to be loaded; try again later"));
    return slots_.Share();
  }
  state_ = State::kWaiting;
  deadline_ = deadline;
  done_ = std::move(done);
  place_ = slots_.waiting_.insert(slots_.waiting_.end(), this);
  ++caller_->second.waiting;
  slots_.Share();
}

void SnapshotSlots::Claim::Cancel() {
  const absl::MutexLock lock(&slots_.mutex_);
  if (state_ != State::kWaiting) return;
  // gRPC cancels what is overdue.
  slots_.StopWaiting(this, absl::Now() >= deadline_ ? storage::DeadlinePassedInQueue()
                                                    : storage::Error(absl::StatusCode::kCancelled, "CANCELLED",
                                                                     "the caller ended the stream"));
  slots_.Share();
}

void SnapshotSlots::Claim::PageSent(std::size_t bytes) {
  const absl::MutexLock lock(&slots_.mutex_);
  lies_since_ = absl::Now();
  contended_left_ += AllowanceFor(bytes);
  slots_.next_end_.SetIfEarlier(slots_.NextEnd());
}

absl::Status SnapshotSlots::Claim::PageTaken() {
  const absl::MutexLock lock(&slots_.mutex_);
  // A reader that was quicker than it had to be saves up no time for later pages.
  contended_left_ = std::min(contended_left_ - (absl::Now() - *lies_since_), slots_.options_.contended_patience);
  lies_since_.reset();
  absl::Status given_up = given_up_;
  slots_.Share();
  return given_up;
}

void SnapshotSlots::Claim::Release() {
  const absl::MutexLock lock(&slots_.mutex_);
  if (state_ != State::kHeld) return;
  state_ = State::kIdle;
  slots_.held_.erase(place_);
  --caller_->second.held;
  slots_.ForgetIfIdle(caller_);
  slots_.Share();
}

}  // namespace authstate::server
