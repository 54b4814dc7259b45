#ifndef AUTHSTATE_SERVER_RPC_GUARD_H_
#define AUTHSTATE_SERVER_RPC_GUARD_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/log/line_limit.h"
#include "server/rpc/admission.h"
#include "server/rpc/response_room.h"
#include "server/rpc/snapshot_slots.h"
#include "server/rpc/stream_registry.h"
#include "server/rpc/unanswered.h"
#include "storage/deadline_timer.h"

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
  Admission::Limits limits;
  // Streams open at once that stay open.
  std::size_t max_streams = 256;
  // How many snapshots the database in force can have open; called from any thread.
  std::function<std::size_t()> snapshots = [] { return std::numeric_limits<std::size_t>::max(); };
};

// What a handler's RPC is, known at compile time.
struct Method {
  // The RPC's name without its service: `Commit`.
  absl::string_view name;
  // Whether a failure has to say if the work was applied.
  bool mutation = false;
};

class GuardedCall;

// The one guard around every handler: admission, request id, parsing, deadline, logging, and the translation of errors.
// Thread-safe; outlives its calls.
class Guard {
 public:
  // `timer` outlives it.
  Guard(storage::DeadlineTimer& timer, GuardOptions options)
      : options_(std::move(options)),
        admission_(options_.limits),
        streams_(options_.max_streams),
        snapshot_slots_(timer, {options_.snapshots}) {}

  // Begins the RPC on `context`. Never null: a call that is not admitted fails in GuardedCall::Receive.
  std::unique_ptr<GuardedCall> Begin(const Method& method, grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer& request);

  // Tells the long-lived streams to come to an end, refuses every call from now on, and waits until none is under way
  // or `deadline` has passed; then it answers those that are left. Streams go on reading for half of that time, but no
  // longer than 2 s.
  void Drain(absl::Time deadline);

  // Whether a call that failed so gets a line in the log now: nullopt if not, else how many like it did not before.
  std::optional<std::uint64_t> TakeLine(const absl::Status& status);

  StreamRegistry& streams() { return streams_; }
  Unanswered& unanswered() { return unanswered_; }
  ResponseRoom& response_room() { return response_room_; }
  SnapshotSlots& snapshot_slots() { return snapshot_slots_; }
  absl::Duration default_deadline() const { return options_.default_deadline; }

 private:
  friend class GuardedCall;

  const GuardOptions options_;
  Admission admission_;
  StreamRegistry streams_;
  Unanswered unanswered_;
  ResponseRoom response_room_;
  SnapshotSlots snapshot_slots_;
  absl::Mutex mutex_;
  // By reason, or by code where a failure has none, so that no flood of one kind hides another.
  absl::flat_hash_map<std::string, LineLimit> lines_ ABSL_GUARDED_BY(mutex_);
};

// One RPC under way. Not thread-safe: its owner hands it on, from the thread that began it to the one that finishes.
class GuardedCall {
 public:
  GuardedCall(Guard* guard, const Method& method, grpc::CallbackServerContext* context,
              const grpc::ByteBuffer& request);
  ~GuardedCall();
  GuardedCall(const GuardedCall&) = delete;
  GuardedCall& operator=(const GuardedCall&) = delete;

  // Parses the request into `message`, if the call was admitted.
  absl::Status Receive(google::protobuf::Message* message);

  // Why the call may not go on, if so: for one that receives no request, or many.
  const absl::Status& admitted() const { return admitted_; }
  const std::string& request_id() const { return request_id_; }
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
  const absl::Status admitted_;
};

// The bytes of a response on the wire.
absl::Status Serialize(const google::protobuf::Message& message, grpc::ByteBuffer* buffer);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_GUARD_H_
