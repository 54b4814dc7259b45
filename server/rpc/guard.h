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
#include "server/access/access_watch.h"
#include "server/access/caller.h"
#include "server/log/audit_log.h"
#include "server/log/line_limit.h"
#include "server/rpc/admission.h"
#include "server/rpc/call_counts.h"
#include "server/rpc/caller_limits.h"
#include "server/rpc/methods.h"
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
  CallerLimits::Options callers;
  // Borrowed, and outlives the guard; null: there is none.
  AuditLog* audit = nullptr;
  // How many snapshots the database in force can have open; called from any thread.
  std::function<std::size_t()> snapshots = [] { return std::numeric_limits<std::size_t>::max(); };
};

class GuardedCall;

// The one guard around every handler: admission, who calls, request id, parsing, rights, deadline, logging and
// audit, and the
// translation of errors. Thread-safe; outlives its calls.
class Guard {
 public:
  // `timer` and `access` outlive it.
  Guard(storage::DeadlineTimer& timer, const AccessWatch& access, GuardOptions options)
      : options_(std::move(options)),
        access_(access),
        admission_(options_.limits),
        callers_(options_.callers),
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

  // Null: there is none.
  AuditLog* audit() const { return options_.audit; }
  StreamRegistry& streams() { return streams_; }
  Unanswered& unanswered() { return unanswered_; }
  ResponseRoom& response_room() { return response_room_; }
  SnapshotSlots& snapshot_slots() { return snapshot_slots_; }
  // Also for operations that end after the guard.
  const std::shared_ptr<CallCounts>& counts() const { return counts_; }
  std::size_t open_streams() const { return streams_.size(); }
  Admission::Load load() const { return admission_.load(); }
  absl::Duration default_deadline() const { return options_.default_deadline; }

 private:
  friend class GuardedCall;

  const GuardOptions options_;
  const AccessWatch& access_;
  Admission admission_;
  CallerLimits callers_;
  StreamRegistry streams_;
  Unanswered unanswered_;
  ResponseRoom response_room_;
  SnapshotSlots snapshot_slots_;
  const std::shared_ptr<CallCounts> counts_ = std::make_shared<CallCounts>();
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

  // Parses the request into `message`, if the call was admitted, and looks whether the caller has the right it takes.
  absl::Status Receive(google::protobuf::Message* message);

  // Has the audit log name the token that the call has made.
  void NoteAnswer(const google::protobuf::Message& response);

  // Whether the caller still has it: for a call that goes on for long.
  absl::Status StillPermitted();

  // Why the call may not go on, if so: for one that receives no request, or many.
  const absl::Status& admitted() const { return admitted_; }
  const std::string& request_id() const { return request_id_; }
  // The trace that the caller says the call is part of; empty: it did not say.
  const std::string& trace_id() const { return trace_id_; }
  // Outlives the call if need be.
  const std::shared_ptr<Caller>& caller() const { return caller_; }
  // Null: what it does is not counted.
  const std::shared_ptr<CallerLimits::Use>& use() const { return use_; }
  const std::string& peer() const { return peer_; }
  absl::Time deadline() const { return deadline_; }
  // What the audit log writes of it.
  AuditRecord Record() const;

  // Ends the call: logs and counts it, and tells what the caller is answered. Once.
  grpc::Status Finish(const absl::Status& status);
  // Counts that it has ended, for one that does the rest of Finish by itself.
  void CountEnd(const absl::Status& status);

 private:
  // Whether the call is let in, and who makes it: asked before a byte of the request is parsed.
  absl::Status Admit();
  absl::Status Permit(const google::protobuf::Message& message);
  void LogOutcome(const absl::Status& status) const;

  Guard* const guard_;
  const Method method_;
  CallCounts::OfMethod& counts_;
  const absl::Time start_;
  absl::Time deadline_;
  std::string request_id_;
  const std::string trace_id_;
  const std::string peer_;
  std::string session_id_;
  // Empty unless the call is about one token.
  std::string token_id_;
  grpc::ByteBuffer request_;
  const std::size_t request_bytes_;
  const std::shared_ptr<Caller> caller_;
  // Whether the call counts among those under way.
  bool entered_ = false;
  std::shared_ptr<CallerLimits::Use> use_;
  const absl::Status admitted_;
};

// The bytes of a response on the wire.
absl::Status Serialize(const google::protobuf::Message& message, grpc::ByteBuffer* buffer);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_GUARD_H_
