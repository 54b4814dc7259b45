#include "server/rpc/admission.h"

#include "absl/strings/string_view.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kOverloaded = "OVERLOADED";
constexpr absl::Duration kOverloadRetryDelay = absl::Milliseconds(200);

absl::Status Refusal(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  return storage::WithOutcome(storage::Error(code, reason, message), storage::Outcome::kNotApplied);
}

}  // namespace

absl::Status Overloaded(absl::string_view message) {
  return storage::WithRetryDelay(Refusal(absl::StatusCode::kResourceExhausted, kOverloaded, message),
                                 kOverloadRetryDelay);
}

absl::Status Admission::Enter(std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  if (draining_) {
    return Refusal(absl::StatusCode::kUnavailable, kDraining, "the server is stopping; call another, or again");
  }
  // A lone request is always let in: it is within the limit of a message.
  if (requests_ > 0 && (requests_ >= limits_.requests || bytes_ + bytes > limits_.bytes)) {
    return Overloaded("the server has too many requests under way; try again later");
  }
  ++requests_;
  bytes_ += bytes;
  return absl::OkStatus();
}

void Admission::Leave(std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  --requests_;
  bytes_ -= bytes;
}

bool Admission::Drain(absl::Time deadline) {
  const absl::MutexLock lock(&mutex_);
  draining_ = true;
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return requests_ == 0; };
  return mutex_.AwaitWithDeadline(absl::Condition(&idle), deadline);
}

}  // namespace authstate::server
