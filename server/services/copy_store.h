#ifndef AUTHSTATE_SERVER_SERVICES_COPY_STORE_H_
#define AUTHSTATE_SERVER_SERVICES_COPY_STORE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "server/rpc/guard.h"
#include "storage/backend_targets.h"

namespace authstate::server {

// Starts the stream of CopyStore (progress_stream.h). Logs what became of it.
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartCopyStore(storage::BackendTargets* targets,
                                                           std::unique_ptr<GuardedCall> call,
                                                           grpc::CallbackServerContext* context);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_COPY_STORE_H_
