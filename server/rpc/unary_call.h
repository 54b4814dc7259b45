#ifndef AUTHSTATE_SERVER_RPC_UNARY_CALL_H_
#define AUTHSTATE_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/guard.h"
#include "server/rpc/unanswered.h"
#include "server/rpc/unary_reactor.h"

namespace authstate::server {

// A unary RPC under way, which is answered once: by its handler, or by a server that cannot wait for that any longer.
class UnaryCall final : public Answerable {
 public:
  UnaryCall(Guard* guard, UnaryReactor* reactor) : guard_(guard), reactor_(reactor) {}

  void Answer(const absl::Status& status) override { Finish(status); }

  template <typename Response>
  void Respond(const absl::StatusOr<Response>& response) {
    if (!response.ok()) return Finish(response.status());
    Finish(&*response);
  }

 private:
  // Once the call is answered, the reactor is gone.
  void Finish(const absl::StatusOr<const google::protobuf::Message*>& response) {
    if (answered_.exchange(true)) return;
    guard_->unanswered().Remove(this);
    reactor_->Answer(response);
  }

  Guard* const guard_;
  UnaryReactor* const reactor_;
  std::atomic<bool> answered_ = false;
};

// Runs one unary RPC behind the guard. `handle` is called as handle(Request, call, respond) and answers by calling
// respond(absl::StatusOr<Response>) once, from any thread; the GuardedCall is gone from then on.
template <typename Request, typename Response, typename Handle>
grpc::ServerUnaryReactor* RunUnaryCall(Guard* guard, const Method& method, grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request_bytes, grpc::ByteBuffer* response_bytes,
                                       Handle handle) {
  auto* const reactor = new UnaryReactor(guard, guard->Begin(method, context, *request_bytes), context, response_bytes);
  Request request;
  const absl::Status received = reactor->call().Receive(&request);
  if (!received.ok()) {
    reactor->Answer(received);
    return reactor;
  }
  const auto unary = std::make_shared<UnaryCall>(guard, reactor);
  guard->unanswered().Add(unary);
  handle(std::move(request), reactor->call(),
         [unary](const absl::StatusOr<Response>& response) { unary->Respond(response); });
  return reactor;
}

// The same for what needs to know no more of its call than the deadline: handle(Request, deadline, respond).
template <typename Request, typename Response, typename Handle>
grpc::ServerUnaryReactor* RunUnary(Guard* guard, const Method& method, grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request_bytes, grpc::ByteBuffer* response_bytes,
                                   Handle handle) {
  return RunUnaryCall<Request, Response>(guard, method, context, request_bytes, response_bytes,
                                         [&handle](Request request, const GuardedCall& call, auto respond) {
                                           handle(std::move(request), call.deadline(), std::move(respond));
                                         });
}

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_UNARY_CALL_H_
