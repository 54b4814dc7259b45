#ifndef AUTHSTATE_SERVER_UNARY_CALL_H_
#define AUTHSTATE_SERVER_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/guard.h"

namespace authstate::server {

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
  handle(std::move(request), deadline,
         [call = std::move(call), reactor, response_bytes](absl::StatusOr<Response> response) mutable {
           absl::Status status = response.status();
           if (status.ok()) status = Serialize(*response, response_bytes);
           const grpc::Status answer = call->Finish(status);
           call.reset();
           reactor->Finish(answer);
         });
  return reactor;
}

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_UNARY_CALL_H_
