#ifndef AUTHSTATE_SERVER_RPC_CALLER_LIMITS_H_
#define AUTHSTATE_SERVER_RPC_CALLER_LIMITS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::server {

inline constexpr absl::string_view kCallerLimit = "CALLER_LIMIT";

// Bounds what one caller may ask for, so that it leaves room for others: calls under way at once, each open stream
// among them, and calls and operations of pipes in a second. Callers are told apart by name (Caller::name); those that
// have none share what the server has. Thread-safe.
class CallerLimits {
 public:
  struct Options {
    // 0: no bound of its own.
    std::size_t calls = 2048;
    // Calls and operations a second, on average; as many may come at once after a second of none. 0: no bound.
    std::size_t rate = 0;
    std::function<absl::Time()> clock = [] { return absl::Now(); };
  };

  // A caller's use of the server, for as long as a call of it is under way.
  class Use {
   public:
    explicit Use(std::shared_ptr<const Options> options) : options_(std::move(options)) {}

    // Another operation. ResourceExhausted, reason kCallerLimit, NOT_APPLIED, with the delay after which there is room.
    absl::Status Count();

   private:
    const std::shared_ptr<const Options> options_;
    absl::Mutex mutex_;
    // How many operations there is room for, and as of when.
    double room_ ABSL_GUARDED_BY(mutex_) = 0;
    absl::Time as_of_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  };

  explicit CallerLimits(Options options) : options_(std::make_shared<const Options>(std::move(options))) {}

  // Lets a call of `name` begin, which counts as an operation; it is under way for as long as its use is held. Fails as
  // Use::Count. Null: the caller has no name, or nothing is bounded.
  absl::StatusOr<std::shared_ptr<Use>> Enter(const std::string& name);

 private:
  // Callers whose use is remembered without a call under way.
  static constexpr std::size_t kMostIdle = 10'000;

  void ForgetIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<const Options> options_;
  absl::Mutex mutex_;
  // Each use is held here once, and by each call.
  absl::flat_hash_map<std::string, std::shared_ptr<Use>> uses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_CALLER_LIMITS_H_
