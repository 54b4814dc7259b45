#ifndef AUTHSTATE_SERVER_SERVICES_AUTH_STATE_SERVICE_H_
#define AUTHSTATE_SERVER_SERVICES_AUTH_STATE_SERVICE_H_

#include <memory>

#include "server/pipe/budget.h"
#include "server/pipe/limits.h"

namespace grpc {
class Service;
}
namespace authstate::storage {
class Backend;
}

namespace authstate::server {

class Guard;

enum class Stealing : bool;

// authstate.v1.AuthStateService over `backend`. Backend and guard are borrowed, and outlive the server that the service
// is registered with. `budget` is of pipe_limits.total_bytes.
std::unique_ptr<grpc::Service> NewAuthStateService(storage::Backend* backend, Guard* guard, Stealing stealing,
                                                   const pipe::Limits& pipe_limits,
                                                   std::shared_ptr<pipe::Budget> budget);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_AUTH_STATE_SERVICE_H_
