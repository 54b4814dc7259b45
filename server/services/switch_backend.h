#ifndef AUTHSTATE_SERVER_SERVICES_SWITCH_BACKEND_H_
#define AUTHSTATE_SERVER_SERVICES_SWITCH_BACKEND_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "server/rpc/guard.h"
#include "storage/backend_targets.h"

namespace authstate::server {

// Starts the stream of SwitchBackend. The returned reactor owns itself until the stream is over. Progress that comes
// faster than the caller reads is left out; the result never is. Logs what became of the switch.
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSwitchBackend(storage::BackendTargets* targets,
                                                               std::unique_ptr<GuardedCall> call,
                                                               grpc::CallbackServerContext* context);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_SWITCH_BACKEND_H_
