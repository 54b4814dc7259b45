#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_BACKOFF_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_BACKOFF_H_

#include <algorithm>

#include "absl/random/random.h"
#include "absl/time/time.h"

namespace authstate::storage {

// When to try again what has failed for the state of the database (no connection comes about, a row is locked): soon at
// first, then less and less often, never in step with others.
//
// The caller gives the clock. Not thread-safe.
class Backoff {
 public:
  void Failed(absl::Time now) {
    delay_ = delay_ == absl::ZeroDuration() ? kFirst : std::min(delay_ * 2, kLongest);
    next_ = now + delay_ * absl::Uniform(random_, kLeastShare, 1.0);
  }

  void Succeeded() {
    delay_ = absl::ZeroDuration();
    next_ = absl::InfinitePast();
  }

  // From when on it may be tried again.
  absl::Time next() const { return next_; }
  // How long it should not be tried yet; zero when it may be.
  absl::Duration Wait(absl::Time now) const { return std::max(next_ - now, absl::ZeroDuration()); }

  static constexpr absl::Duration kFirst = absl::Milliseconds(50);
  static constexpr absl::Duration kLongest = absl::Seconds(2);
  // A delay is between this share of itself and the whole of it.
  static constexpr double kLeastShare = 0.5;

 private:
  absl::BitGen random_;
  absl::Duration delay_;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_BACKOFF_H_
