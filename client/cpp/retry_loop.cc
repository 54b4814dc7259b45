#include "client/cpp/retry_loop.h"

#include <algorithm>
#include <utility>

#include "client/cpp/error.h"

namespace authstate::client {
namespace {

bool WorthAnotherTry(const absl::Status& status) {
  return absl::IsUnavailable(status) || (absl::IsResourceExhausted(status) && RetryDelayOf(status).has_value());
}

// Whether the failed attempt may have changed something. A failure without word from the server counts as such.
bool InDoubt(const absl::Status& status) {
  const bool refused = !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status) &&
                       !absl::IsCancelled(status) && !absl::IsUnknown(status) && !absl::IsInternal(status);
  return OutcomeOf(status).value_or(refused ? Outcome::kNotApplied : Outcome::kUnknown) == Outcome::kUnknown;
}

// The error with its outcome, over all attempts; a read has none.
absl::Status Settled(absl::Status status, bool mutation, bool in_doubt) {
  if (!mutation) return status;
  return WithOutcome(std::move(status), in_doubt ? Outcome::kUnknown : Outcome::kNotApplied);
}

// Whether the error of a repetition says that an attempt in doubt was applied.
bool TellsDone(const absl::Status& status, Repetition repetition) {
  switch (repetition) {
    case Repetition::kNotFoundIsDone:
      return absl::IsNotFound(status);
    case Repetition::kStaleFenceIsDone:
      return ReasonOf(status) == "STALE_FENCE";
    case Repetition::kRead:
    case Repetition::kOnce:
    case Repetition::kNotInDoubt:
      break;
  }
  return false;
}

absl::Duration Jittered(absl::Duration pause, Timekeeper& time) { return pause * (1.0 - time.Jitter() / 2); }

}  // namespace

absl::Status RetryLoop(Repetition repetition, const RetrySchedule& schedule, Timekeeper& time,
                       absl::FunctionRef<absl::Status(absl::Time deadline)> attempt) {
  const absl::Time begin = time.Now();
  const absl::Time last_begin = begin + std::min(schedule.patience, schedule.deadline);
  const bool mutation = repetition != Repetition::kRead;
  bool in_doubt = false;
  absl::Duration pause = schedule.min_pause;
  while (true) {
    absl::Status status = attempt(begin + schedule.deadline);
    if (status.ok()) return status;
    if (in_doubt && TellsDone(status, repetition)) return absl::OkStatus();
    in_doubt = in_doubt || (mutation && InDoubt(status));
    status = Settled(std::move(status), mutation, in_doubt);

    if (!WorthAnotherTry(status) || (in_doubt && repetition == Repetition::kNotInDoubt)) return status;
    const absl::Duration wait = std::max(Jittered(pause, time), RetryDelayOf(status).value_or(absl::ZeroDuration()));
    if (time.Now() + wait > last_begin) return status;
    if (!time.Sleep(wait)) {
      return Settled(absl::CancelledError("cancelled while waiting for the server"), mutation, in_doubt);
    }
    pause = std::min(pause * 2, schedule.max_pause);
  }
}

}  // namespace authstate::client
