#ifndef AUTHSTATE_CLIENT_CPP_SYSTEM_TIMEKEEPER_H_
#define AUTHSTATE_CLIENT_CPP_SYSTEM_TIMEKEEPER_H_

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cpp/cancellation.h"
#include "client/cpp/retry_loop.h"

namespace authstate::client {

// The time of the machine; a sleep ends with `cancellation`, which outlives it. Thread-safe.
class SystemTimekeeper : public Timekeeper {
 public:
  explicit SystemTimekeeper(Cancellation& cancellation) : cancellation_(cancellation) {}

  absl::Time Now() override { return absl::Now(); }
  bool Sleep(absl::Duration duration) override { return cancellation_.Sleep(duration); }
  double Jitter() override {
    const absl::MutexLock lock(&mutex_);
    return absl::Uniform(random_, 0.0, 1.0);
  }

 private:
  Cancellation& cancellation_;
  absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_SYSTEM_TIMEKEEPER_H_
