#include "client/cpp/cancellation.h"

namespace authstate::client {

Cancellation::CancellableCall::CancellableCall(Cancellation& cancellation, grpc::ClientContext& context)
    : cancellation_(cancellation), context_(context) {
  const absl::MutexLock lock(&cancellation_.mutex_);
  cancellation_.calls_.insert(&context_);
  // A context that is cancelled before its call begins ends that call when it does.
  if (cancellation_.cancelled_) context_.TryCancel();
}

Cancellation::CancellableCall::~CancellableCall() {
  const absl::MutexLock lock(&cancellation_.mutex_);
  cancellation_.calls_.erase(&context_);
}

void Cancellation::Cancel() {
  const absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  for (grpc::ClientContext* context : calls_) context->TryCancel();
}

bool Cancellation::Sleep(absl::Duration duration) {
  const absl::MutexLock lock(&mutex_);
  return !mutex_.AwaitWithTimeout(absl::Condition(&cancelled_), duration);
}

}  // namespace authstate::client
