#ifndef AUTHSTATE_TESTS_CONFORMANCE_AWAIT_H_
#define AUTHSTATE_TESTS_CONFORMANCE_AWAIT_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace authstate::conformance {

// The answer of one asynchronous call, to wait for. `Done()` is handed to the call, once; it must be called once.
// Thread-safe.
template <typename T>
class Answer {
 public:
  auto Done() {
    return [state = state_](T value) {
      const absl::MutexLock lock(&state->mutex);
      ++state->calls;
      state->value = std::move(value);
    };
  }

  // Blocks until the answer is there.
  T Await() {
    const absl::MutexLock lock(&state_->mutex);
    state_->mutex.Await(absl::Condition(&State::Answered, state_.get()));
    return *std::move(state_->value);
  }

  // How often the call has answered so far.
  int calls() const {
    const absl::MutexLock lock(&state_->mutex);
    return state_->calls;
  }

 private:
  struct State {
    absl::Mutex mutex;
    std::optional<T> value ABSL_GUARDED_BY(mutex);
    int calls ABSL_GUARDED_BY(mutex) = 0;

    static bool Answered(State* state) ABSL_SHARED_LOCKS_REQUIRED(state->mutex) { return state->value.has_value(); }
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace authstate::conformance

#endif  // AUTHSTATE_TESTS_CONFORMANCE_AWAIT_H_
