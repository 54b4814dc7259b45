#ifndef AUTHSTATE_STORAGE_DECORATORS_CALL_GATE_H_
#define AUTHSTATE_STORAGE_DECORATORS_CALL_GATE_H_

#include <atomic>
#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::storage {

// Counts who is inside, and can be shut: then nobody gets in, and one can wait for those inside to leave. To enter and
// to leave an open gate costs one atomic addition each. Thread-safe; shut at first.
class CallGate {
 public:
  // Whether the caller is inside now; if so, Leave follows.
  bool Enter() {
    if ((state_.fetch_add(1) & kShut) == 0) return true;
    Leave();
    return false;
  }

  // Gets in though the gate is shut; Leave follows. For those whom the one that shut it lets in.
  void EnterShut() { state_.fetch_add(1); }

  void Leave() {
    if (state_.fetch_sub(1) == kShut + 1) Wake();
  }

  // How many are inside.
  std::uint64_t inside() const { return state_.load() & ~kShut; }

  void Open() { state_.fetch_and(~kShut); }
  void Shut() { state_.fetch_or(kShut); }

  // For a gate that is shut: waits until nobody is inside or `deadline` has passed; tells which.
  bool AwaitEmpty(absl::Time deadline) {
    const absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithDeadline(absl::Condition(this, &CallGate::Empty), deadline);
  }

 private:
  static constexpr std::uint64_t kShut = std::uint64_t{1} << 63;

  bool Empty() const { return state_.load() == kShut; }
  // Whoever waits looks again when the mutex is given back.
  void Wake() { const absl::MutexLock lock(&mutex_); }

  std::atomic<std::uint64_t> state_ = kShut;
  absl::Mutex mutex_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_CALL_GATE_H_
