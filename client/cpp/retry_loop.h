#ifndef AUTHSTATE_CLIENT_CPP_RETRY_LOOP_H_
#define AUTHSTATE_CLIENT_CPP_RETRY_LOOP_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/idempotency_policy.h"

namespace authstate::client {

// Time as the loop sees it, so that tests need not wait. Thread-safe.
class Timekeeper {
 public:
  virtual ~Timekeeper() = default;
  virtual absl::Time Now() = 0;
  // Waits. Returns false, at once, when the client was cancelled.
  virtual bool Sleep(absl::Duration duration) = 0;
  // A random number from 0 up to, but not including, 1.
  virtual double Jitter() = 0;
};

// How long a call lasts, and how its attempts are spaced.
struct RetrySchedule {
  // No retry begins later than this after the call began.
  absl::Duration patience;
  // The call ends by then, whatever it does.
  absl::Duration deadline;
  // The pause doubles from attempt to attempt, between these, and is shortened at random by up to a half.
  absl::Duration min_pause = absl::Milliseconds(100);
  absl::Duration max_pause = absl::Seconds(5);
};

// Sends one call until it succeeds, fails for good, or `schedule` ends. `attempt` makes one try, which must end by the
// time it is given. Retried are UNAVAILABLE, and RESOURCE_EXHAUSTED when the server says how long to wait.
//
// Returns the status of the last attempt. The error of a mutation says whether it may have been applied (OutcomeOf),
// counting all attempts. The error that tells of an attempt in doubt that it was applied (Repetition) is OK; `attempt`
// sees its own status and can keep what it carries. CANCELLED when a pause is cut short.
absl::Status RetryLoop(Repetition repetition, const RetrySchedule& schedule, Timekeeper& time,
                       absl::FunctionRef<absl::Status(absl::Time deadline)> attempt);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_RETRY_LOOP_H_
