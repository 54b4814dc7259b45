#ifndef AUTHSTATE_SERVER_UNARY_CALL_H_
#define AUTHSTATE_SERVER_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/guard.h"
#include "server/unanswered.h"

namespace authstate::server {

// A unary RPC under way, which is answered once: by its handler, or by a server that cannot wait for that any longer.
class UnaryCall final : public Answerable {
 public:
  UnaryCall(Guard* guard, std::unique_ptr<Call> call, grpc::ServerUnaryReactor* reactor, grpc::ByteBuffer* response)
      : guard_(guard), call_(std::move(call)), reactor_(reactor), response_(response) {}

  void Answer(const absl::Status& status) override {
    if (!answered_.exchange(true)) Finish(status);
  }

  // Once the call is answered, what it writes to is gone.
  template <typename Response>
  void Respond(const absl::StatusOr<Response>& response) {
    if (answered_.exchange(true)) return;
    Finish(response.ok() ? Serialize(*response, response_) : response.status());
  }

 private:
  void Finish(const absl::Status& status) {
    guard_->unanswered().Remove(this);
    const grpc::Status answer = call_->Finish(status);
    call_.reset();
    reactor_->Finish(answer);
  }

  Guard* const guard_;
  std::unique_ptr<Call> call_;
  grpc::ServerUnaryReactor* const reactor_;
  grpc::ByteBuffer* const response_;
  std::atomic<bool> answered_ = false;
};

// Runs one unary RPC behind the guard. `handle` is called as handle(Request, deadline, respond) and answers by calling
// respond(absl::StatusOr<Response>) once, from any thread.
template <typename Request, typename Response, typename Handle>
grpc::ServerUnaryReactor* RunUnary(Guard* guard, const Method& method, grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request_bytes, grpc::ByteBuffer* response_bytes,
                                   Handle handle) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  std::unique_ptr<Call> call = guard->Begin(method, context, *request_bytes);
  Request request;
  const absl::Status received = call->Receive(&request);
  if (!received.ok()) {
    reactor->Finish(call->Finish(received));
    return reactor;
  }
  const absl::Time deadline = call->deadline();
  const auto unary = std::make_shared<UnaryCall>(guard, std::move(call), reactor, response_bytes);
  guard->unanswered().Add(unary);
  handle(std::move(request), deadline, [unary](const absl::StatusOr<Response>& response) { unary->Respond(response); });
  return reactor;
}

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_UNARY_CALL_H_
