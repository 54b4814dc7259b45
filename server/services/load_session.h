#ifndef AUTHSTATE_SERVER_SERVICES_LOAD_SESSION_H_
#define AUTHSTATE_SERVER_SERVICES_LOAD_SESSION_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "server/rpc/guard.h"
#include "storage/backend.h"

namespace authstate::server {

// Starts the stream of LoadSession. The returned reactor owns itself until the stream is over. A page is read only when
// the one before it is on its way, so a stream holds one page in memory; a reader that takes its pages too slowly is
// cut off (SnapshotSlots), since its snapshot holds the database back, and a large page has to find room among the
// responses that are on their way (ResponseRoom). Each page is for a caller that still may read the session.
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartLoadSession(storage::Backend* backend, Guard* guard,
                                                             std::unique_ptr<GuardedCall> call,
                                                             grpc::CallbackServerContext* context);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_LOAD_SESSION_H_
