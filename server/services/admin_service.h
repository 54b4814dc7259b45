#ifndef AUTHSTATE_SERVER_SERVICES_ADMIN_SERVICE_H_
#define AUTHSTATE_SERVER_SERVICES_ADMIN_SERVICE_H_

#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace grpc {
class Service;
}
namespace authstate::storage {
class Backend;
class BackendTargets;
}  // namespace authstate::storage

namespace authstate::server {

class Guard;

// authstate.v1.AdminService. The pointers are borrowed, and outlive the server that the service is registered with;
// `serving` tells the state of health and is called from any thread.
std::unique_ptr<grpc::Service> NewAdminService(storage::Backend* backend, storage::BackendTargets* targets,
                                               Guard* guard, absl::Time started, std::function<bool()> serving);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_ADMIN_SERVICE_H_
