#ifndef AUTHSTATE_STORAGE_AWAIT_CALL_H_
#define AUTHSTATE_STORAGE_AWAIT_CALL_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/synchronization/notification.h"

namespace authstate::storage {

// Makes an asynchronous call and blocks until it is answered. `call` hands `done` on; it is called once, with a Result.
// Never from a thread of a backend, which may be the one that answers.
template <typename Result, typename Call>
Result AwaitCall(Call call) {
  struct Answer {
    absl::Notification given;
    std::optional<Result> result;
  };
  // Shared, as the one who notifies still touches it when the one who waits goes on.
  const auto answer = std::make_shared<Answer>();
  call([answer](Result result) {
    answer->result = std::move(result);
    answer->given.Notify();
  });
  answer->given.WaitForNotification();
  return *std::move(answer->result);
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_AWAIT_CALL_H_
