#ifndef AUTHSTATE_SERVER_PIPE_REACTOR_H_
#define AUTHSTATE_SERVER_PIPE_REACTOR_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "server/handlers/lease_validation.h"
#include "server/pipe/budget.h"
#include "server/pipe/limits.h"
#include "server/rpc/guard.h"
#include "storage/backend.h"

namespace authstate::server::pipe {

// What the streams of a server have in common. Backend and guard are borrowed, and outlive the streams.
struct Service {
  storage::Backend* backend = nullptr;
  Guard* guard = nullptr;
  Stealing stealing = Stealing::kAllowed;
  Limits limits;
  std::shared_ptr<Budget> budget;
};

// Starts the stream of Pipe. The returned reactor owns itself until the stream is over. It reads messages into a
// Connection and writes what that answers; one read and one write are under way at any time.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartPipe(const Service& service,
                                                                       grpc::CallbackServerContext* context);

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_REACTOR_H_
