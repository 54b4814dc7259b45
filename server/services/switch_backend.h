#ifndef AUTHSTATE_SERVER_SERVICES_SWITCH_BACKEND_H_
#define AUTHSTATE_SERVER_SERVICES_SWITCH_BACKEND_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "server/rpc/guard.h"
#include "storage/backend.h"
#include "storage/backend_targets.h"

namespace authstate::server {

// Start the streams of SwitchBackend and SyncBackend (progress_stream.h). Log what became of it. `backend` is what the
// server serves from, with all its decorators.
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSwitchBackend(storage::BackendTargets* targets,
                                                               storage::Backend* backend,
                                                               std::unique_ptr<GuardedCall> call,
                                                               grpc::CallbackServerContext* context);
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSyncBackend(storage::BackendTargets* targets,
                                                             std::unique_ptr<GuardedCall> call,
                                                             grpc::CallbackServerContext* context);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_SWITCH_BACKEND_H_
