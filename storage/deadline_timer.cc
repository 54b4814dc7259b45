#include "storage/deadline_timer.h"

#include <utility>

#include "absl/time/clock.h"

namespace authstate::storage {

DeadlineTimer::DeadlineTimer() : thread_([this] { Run(); }) {}

DeadlineTimer::~DeadlineTimer() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    alarm_.WakeBy(absl::InfinitePast());
  }
  thread_.join();
}

void DeadlineTimer::Run() {
  mutex_.Lock();
  while (!stopping_) {
    const absl::Time next = deadlines_.empty() ? absl::InfiniteFuture() : deadlines_.begin()->first;
    if (next > absl::Now()) {
      alarm_.SleepUntil(&mutex_, next);
      continue;
    }
    Deadline* const deadline = deadlines_.begin()->second;
    deadline->timer_.mutex_.AssertHeld();  // It is this one, which the analysis of locks cannot know.
    deadline->Clear();
    called_ = deadline;
    mutex_.Unlock();
    deadline->passed_();
    mutex_.Lock();
    called_ = nullptr;
  }
  mutex_.Unlock();
}

DeadlineTimer::Deadline::Deadline(DeadlineTimer& timer, std::function<void()> passed)
    : timer_(timer), passed_(std::move(passed)) {}

DeadlineTimer::Deadline::~Deadline() {
  const absl::MutexLock lock(&timer_.mutex_);
  timer_.mutex_.Await(absl::Condition(this, &Deadline::NotCalled));
  Clear();
}

void DeadlineTimer::Deadline::Set(absl::Time time) {
  const absl::MutexLock lock(&timer_.mutex_);
  Put(time);
}

void DeadlineTimer::Deadline::SetIfEarlier(absl::Time time) {
  const absl::MutexLock lock(&timer_.mutex_);
  if (!place_.has_value() || time < (*place_)->first) Put(time);
}

void DeadlineTimer::Deadline::Put(absl::Time time) {
  Clear();
  if (time == absl::InfiniteFuture()) return;
  place_ = timer_.deadlines_.emplace(time, this);
  timer_.alarm_.WakeBy(time);
}

void DeadlineTimer::Deadline::Clear() {
  if (!place_.has_value()) return;
  timer_.deadlines_.erase(*place_);
  place_.reset();
}

}  // namespace authstate::storage
