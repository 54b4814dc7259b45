#include "storage/moving/follower.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/time/clock.h"

namespace authstate::storage {
namespace {

constexpr absl::Duration kShortestRest = absl::Milliseconds(200);
constexpr absl::Duration kLongestRest = absl::Seconds(5);

}  // namespace

Follower::Follower(std::unique_ptr<SessionComparison> rounds, absl::Duration step_timeout)
    : rounds_(std::move(rounds)), step_timeout_(step_timeout) {
  {
    const absl::MutexLock lock(&mutex_);
    state_.since = absl::Now();
  }
  thread_ = std::thread([this] { Run(); });
}

Follower::~Follower() { (void)Stop(); }

void Follower::GiveUp() {
  const absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

std::unique_ptr<SessionComparison> Follower::Stop() {
  GiveUp();
  if (thread_.joinable()) thread_.join();
  return std::move(rounds_);
}

FollowState Follower::State() const {
  const absl::MutexLock lock(&mutex_);
  return state_;
}

void Follower::Run() {
  while (!stopping()) {
    const absl::Time begin = absl::Now();
    const absl::Status followed = rounds_->Round(
        {step_timeout_}, [this] { return stopping(); }, [](std::size_t /*compared*/, std::size_t /*total*/) {});
    const absl::Duration rest = std::clamp(2 * (absl::Now() - begin), kShortestRest, kLongestRest);
    const absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    state_.error = std::string(followed.message());
    if (followed.ok()) {
      state_.differing_sessions = rounds_->Differences().size();
      // What was being written is made equal by the next round.
      if (rounds_->Refusals().size() == state_.differing_sessions) state_.equal_time = begin;
    }
    (void)mutex_.AwaitWithTimeout(absl::Condition(&stopping_), rest);
  }
}

}  // namespace authstate::storage
