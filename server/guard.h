#ifndef AUTHSTATE_SERVER_GUARD_H_
#define AUTHSTATE_SERVER_GUARD_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace google::protobuf {
class Message;
}
namespace grpc {
class CallbackServerContext;
}

namespace authstate::server {

struct GuardOptions {
  // For callers that set no deadline.
  absl::Duration default_deadline = absl::Seconds(30);
  // Requests under way at once, and their bytes on the wire; what comes on top is refused with RESOURCE_EXHAUSTED.
  std::size_t max_requests = 4096;
  std::size_t max_request_bytes = std::size_t{512} << 20;
};

// What a handler's RPC is, known at compile time.
struct Method {
  // As in `authstate.v1.AuthStateService/Commit`.
  absl::string_view name;
  // Whether a failure has to say if the work was applied.
  bool mutation = false;
};

class Call;

// The one guard around every handler: admission, request id, parsing, deadline, logging, and the translation of errors.
// Thread-safe; outlives its calls.
class Guard {
 public:
  explicit Guard(GuardOptions options) : options_(options) {}

  // Begins the RPC on `context`. Never null: a call that is not admitted fails in Call::Receive.
  std::unique_ptr<Call> Begin(const Method& method, grpc::CallbackServerContext* context,
                              const grpc::ByteBuffer& request);

  // Refuses every call from now on with UNAVAILABLE, and waits until none is under way or `deadline` has passed.
  void Drain(absl::Time deadline);

 private:
  friend class Call;

  absl::Status Admit(std::size_t bytes);
  void Release(std::size_t bytes);

  const GuardOptions options_;
  absl::Mutex mutex_;
  std::size_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t request_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

// One RPC under way. Not thread-safe: its owner hands it on, from the thread that began it to the one that finishes.
class Call {
 public:
  Call(Guard* guard, const Method& method, grpc::CallbackServerContext* context, const grpc::ByteBuffer& request);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Parses the request into `message`, if the call was admitted.
  absl::Status Receive(google::protobuf::Message* message);

  absl::Time deadline() const { return deadline_; }

  // Ends the call: logs it and tells what the caller is answered. Once.
  grpc::Status Finish(const absl::Status& status);

 private:
  void LogOutcome(const absl::Status& status) const;

  Guard* const guard_;
  const Method method_;
  const absl::Time start_;
  absl::Time deadline_;
  std::string request_id_;
  std::string session_id_;
  grpc::ByteBuffer request_;
  const std::size_t request_bytes_;
  absl::Status admission_;
};

// The bytes of a response on the wire.
absl::Status Serialize(const google::protobuf::Message& message, grpc::ByteBuffer* buffer);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_GUARD_H_
