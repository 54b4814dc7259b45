#ifndef AUTHSTATE_TESTS_UNIT_DECORATORS_PENDING_H_
#define AUTHSTATE_TESTS_UNIT_DECORATORS_PENDING_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"

namespace authstate::storage {

// The answer of one call to a backend, to look for or to wait for. `Done()` is handed to the call, once. Thread-safe.
template <typename Result>
class Pending {
 public:
  using Results = std::vector<absl::StatusOr<Result>>;

  auto Done() {
    return [state = state_](Results results) {
      state->results = std::move(results);
      state->given.Notify();
    };
  }
  bool given() const { return state_->given.HasBeenNotified(); }
  const Results& Await() const {
    state_->given.WaitForNotification();
    return state_->results;
  }
  // How the first member ended.
  absl::Status status() const { return Await().front().status(); }

 private:
  struct State {
    absl::Notification given;
    Results results;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_UNIT_DECORATORS_PENDING_H_
