#include "tests/bench/call_loop.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::bench {

absl::StatusOr<double> CallLoop::Measure(absl::Duration warm_up, absl::Duration measure) {
  {
    const absl::MutexLock lock(&mutex_);
    under_way_ = in_flight_;
    stopping_ = false;
    status_ = absl::OkStatus();
  }
  for (std::size_t slot = 0; slot < in_flight_; ++slot) Next(slot);
  const auto pass = [this](absl::Duration time) {
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(this, &CallLoop::Failed), time);
  };
  pass(warm_up);
  const absl::Time began = absl::Now();
  const std::uint64_t before = Ended();
  pass(measure);
  {
    // On a busy machine no call may have ended yet: even the slowest rate is one.
    const absl::MutexLock lock(&mutex_);
    const auto one_ended = [this, before]()
                               ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ended_ > before || !status_.ok(); };
    mutex_.Await(absl::Condition(&one_ended));
  }
  const std::uint64_t after = Ended();
  const absl::Duration elapsed = absl::Now() - began;

  const absl::MutexLock lock(&mutex_);
  stopping_ = true;
  mutex_.Await(absl::Condition(this, &CallLoop::Idle));
  if (!status_.ok()) return status_;
  return static_cast<double>(after - before) / absl::ToDoubleSeconds(elapsed);
}

void CallLoop::Next(std::size_t slot) {
  begin_(slot, [this, slot](const absl::Status& status) { End(slot, status); });
}

void CallLoop::End(std::size_t slot, const absl::Status& status) {
  {
    const absl::MutexLock lock(&mutex_);
    ++ended_;
    if (!status.ok()) status_.Update(status);
    if (stopping_ || !status.ok()) {
      --under_way_;
      return;
    }
  }
  Next(slot);
}

std::uint64_t CallLoop::Ended() {
  const absl::MutexLock lock(&mutex_);
  return ended_;
}

}  // namespace authstate::bench
