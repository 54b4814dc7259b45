#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_ANSWER_ONCE_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_ANSWER_ONCE_H_

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace authstate::storage {

// The answer to one call, which more than one thread may have to give: the one that does the work, and the one that
// minds the time. The first answer counts, any other is dropped. Thread-safe.
template <typename T>
class AnswerOnce {
 public:
  using Done = absl::AnyInvocable<void(T) &&>;

  explicit AnswerOnce(Done done) : done_(std::move(done)) {}

  void Give(T answer) {
    std::optional<Done> done;
    {
      const absl::MutexLock lock(&mutex_);
      done.swap(done_);
    }
    if (done.has_value()) std::move (*done)(std::move(answer));
  }

 private:
  absl::Mutex mutex_;
  std::optional<Done> done_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_ANSWER_ONCE_H_
