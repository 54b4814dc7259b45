#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_BELL_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_BELL_H_

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace authstate::storage {

// Wakes the one thread that waits for it. The wait counts by a clock that does not jump; those of absl::Mutex end by
// the clock of the system, and one of a second would take an hour where that is put back by one. Thread-safe.
class Bell {
 public:
  void Ring() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      rung_ = true;
    }
    condition_.notify_one();
  }

  // Until it has rung since the last wait ended, or for `patience`, which is no longer than a day.
  void Await(absl::Duration patience) {
    std::unique_lock<std::mutex> lock(mutex_);
    condition_.wait_for(lock, absl::ToChronoNanoseconds(patience), [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  // Guarded by mutex_, which the analysis of locks does not know.
  bool rung_ = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_BELL_H_
