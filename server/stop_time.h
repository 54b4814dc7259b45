#ifndef AUTHSTATE_SERVER_STOP_TIME_H_
#define AUTHSTATE_SERVER_STOP_TIME_H_

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::server {

// By when the server is to have stopped. Thread-safe.
class StopTime {
 public:
  void SetBy(absl::Time by) {
    const absl::MutexLock lock(&mutex_);
    by_ = by;
  }
  // nullopt: nobody has told it to stop.
  std::optional<absl::Time> by() const {
    const absl::MutexLock lock(&mutex_);
    return by_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::optional<absl::Time> by_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_STOP_TIME_H_
