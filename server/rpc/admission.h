#ifndef AUTHSTATE_SERVER_RPC_ADMISSION_H_
#define AUTHSTATE_SERVER_RPC_ADMISSION_H_

#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::server {

// The reason of what a server refuses or leaves because it stops.
inline constexpr absl::string_view kDraining = "DRAINING";

// ResourceExhausted, reason OVERLOADED, NOT_APPLIED, with a short retry delay.
absl::Status Overloaded(absl::string_view message);

// Bounds what is under way at once, so that a flood is refused and not piled up in memory. Thread-safe.
class Admission {
 public:
  struct Limits {
    std::size_t requests = 4096;
    // The size of all requests together, as they are on the wire.
    std::size_t bytes = std::size_t{512} << 20;
  };

  explicit Admission(Limits limits) : limits_(limits) {}

  // Lets a request of `bytes` in; whoever was let in must Leave with the same number. ResourceExhausted with a retry
  // delay when there is no room, Unavailable once draining; both NOT_APPLIED.
  absl::Status Enter(std::size_t bytes);
  void Leave(std::size_t bytes);

  // What is under way now.
  struct Load {
    std::size_t requests = 0;
    std::size_t bytes = 0;
  };
  Load load() const {
    const absl::MutexLock lock(&mutex_);
    return {requests_, bytes_};
  }

  // Lets nothing in any more, and waits until nothing is under way or `deadline` has passed; tells which.
  bool Drain(absl::Time deadline);

 private:
  const Limits limits_;
  mutable absl::Mutex mutex_;
  std::size_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_ADMISSION_H_
