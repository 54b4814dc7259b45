#ifndef AUTHSTATE_CLIENT_CPP_CANCELLATION_H_
#define AUTHSTATE_CLIENT_CPP_CANCELLATION_H_

#include <grpcpp/client_context.h>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::client {

// Ends the calls and pauses of one client, from any thread. Thread-safe.
class Cancellation {
 public:
  // Registers a call for as long as it lives. `context` outlives it. If cancelled before, the call is cancelled at
  // once.
  class CancellableCall {
   public:
    CancellableCall(Cancellation& cancellation, grpc::ClientContext& context);
    ~CancellableCall();
    CancellableCall(const CancellableCall&) = delete;
    CancellableCall& operator=(const CancellableCall&) = delete;

   private:
    Cancellation& cancellation_;
    grpc::ClientContext& context_;
  };

  // Ends the calls and pauses under way, and all that begin later. Cannot be taken back.
  void Cancel();

  // Waits. Returns false, at once, when cancelled.
  bool Sleep(absl::Duration duration);

 private:
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_CANCELLATION_H_
