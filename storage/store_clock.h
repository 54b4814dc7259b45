#ifndef AUTHSTATE_STORAGE_STORE_CLOCK_H_
#define AUTHSTATE_STORAGE_STORE_CLOCK_H_

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::storage {

// The time of a store, by which leases expire and by which is paced what goes on by itself: that of the system when
// this was made, and from then on as much later as a clock that never jumps has counted. Thread-safe.
class StoreClock {
 public:
  // In whole microseconds, as it is stored.
  absl::Time Now() const {
    return absl::FromUnixMicros(absl::ToUnixMicros(opened_at_ + absl::FromChrono(Steady::now() - steady_opened_at_)));
  }

 private:
  using Steady = std::chrono::steady_clock;

  const absl::Time opened_at_ = absl::Now();
  const Steady::time_point steady_opened_at_ = Steady::now();
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_STORE_CLOCK_H_
