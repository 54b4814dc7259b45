#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_STEP_DEADLINE_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_STEP_DEADLINE_H_

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::storage {

// By when a step has to be done: within the time for one, and before the end of a stop that has begun. Thread-safe.
class StepDeadline {
 public:
  explicit StepDeadline(absl::Duration of_a_step) : of_a_step_(of_a_step) {}

  // The deadline of a step that begins now.
  absl::Time Soon() const { return std::min(absl::Now() + of_a_step_, stop_by()); }
  absl::Duration of_a_step() const { return of_a_step_; }

  void StopBy(absl::Time end) {
    const absl::MutexLock lock(&mutex_);
    stop_by_ = end;
  }
  // InfiniteFuture: nobody has said to stop.
  absl::Time stop_by() const {
    const absl::MutexLock lock(&mutex_);
    return stop_by_;
  }
  bool stopping() const { return stop_by() != absl::InfiniteFuture(); }

 private:
  const absl::Duration of_a_step_;
  mutable absl::Mutex mutex_;
  absl::Time stop_by_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_STEP_DEADLINE_H_
