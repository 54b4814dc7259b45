#ifndef AUTHSTATE_SERVER_SERVICES_ADMIN_SERVICE_H_
#define AUTHSTATE_SERVER_SERVICES_ADMIN_SERVICE_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "storage/maintenance_state.h"
#include "storage/near/write_behind_state.h"

namespace grpc {
class Service;
}
namespace authstate::storage {
class Backend;
class BackendTargets;
}  // namespace authstate::storage

namespace authstate::server {

class Guard;

// What the service tells of. The pointers are borrowed, and outlive the server that the service is registered with; the
// functions are called from any thread.
struct AdminSubjects {
  storage::Backend* backend = nullptr;
  storage::BackendTargets* targets = nullptr;
  Guard* guard = nullptr;
  absl::Time started;
  // The state of health.
  std::function<bool()> serving;
  // nullopt: the server has no write-behind.
  std::function<std::optional<storage::WriteBehindState>()> write_behind;
  std::function<storage::MaintenanceState()> maintenance;
};

// authstate.v1.AdminService.
std::unique_ptr<grpc::Service> NewAdminService(AdminSubjects subjects);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_ADMIN_SERVICE_H_
