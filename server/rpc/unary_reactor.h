#ifndef AUTHSTATE_SERVER_RPC_UNARY_REACTOR_H_
#define AUTHSTATE_SERVER_RPC_UNARY_REACTOR_H_

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/guard.h"

namespace google::protobuf {
class Message;
}

namespace authstate::server {

// The answer to a unary call. A large response has to find room among those that are on their way (ResponseRoom), and
// is given up when the client has not taken it after 30 s, and a second more for each MiB. Deletes itself once gRPC is
// done with the call.
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  // `response_bytes` belongs to gRPC.
  UnaryReactor(Guard* guard, std::unique_ptr<GuardedCall> call, grpc::CallbackServerContext* context,
               grpc::ByteBuffer* response_bytes)
      : guard_(guard), call_(std::move(call)), context_(context), response_bytes_(response_bytes) {}

  GuardedCall& call() { return *call_; }

  // Ends the call. Once, from any thread; the reactor may be gone when it returns.
  void Answer(const absl::StatusOr<const google::protobuf::Message*>& response);

  void OnDone() override;

 private:
  // Puts the response into its buffer, if there is room for it.
  absl::Status Pack(const google::protobuf::Message& response);
  void GiveUp();
  void Report();

  Guard* const guard_;
  std::unique_ptr<GuardedCall> call_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_bytes_;
  // The connection, and the room taken for the response if it is large.
  std::string peer_;
  std::size_t room_ = 0;
  grpc::Alarm alarm_;
  // gRPC's, and the alarm's if it was set.
  std::atomic<int> reports_awaited_ = 1;
  absl::Mutex mutex_;
  // The context is gone.
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_UNARY_REACTOR_H_
