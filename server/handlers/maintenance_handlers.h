#ifndef AUTHSTATE_SERVER_HANDLERS_MAINTENANCE_HANDLERS_H_
#define AUTHSTATE_SERVER_HANDLERS_MAINTENANCE_HANDLERS_H_

#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "authstate/v1/admin_service.pb.h"
#include "server/handlers/auth_state_handlers.h"
#include "storage/backend.h"
#include "storage/maintenance_state.h"

namespace authstate::server {

// Errors are InvalidField and name the first field at fault.
absl::StatusOr<storage::Maintenance> Validate(const v1::BeginMaintenanceRequest& request);

// `state.maintenance` has a value.
v1::Maintenance ToMessage(const storage::MaintenanceState& state);

// The RPCs of AdminService on maintenance, without the RPC framework around them: like AuthStateHandlers. Thread-safe.
// `backend` is borrowed and outlives every answer; `state` tells what this server has heard, and is called from any
// thread.
class MaintenanceHandlers {
 public:
  MaintenanceHandlers(storage::Backend* backend, std::function<storage::MaintenanceState()> state)
      : backend_(backend), state_(std::move(state)) {}

  void Handle(const v1::GetMaintenanceRequest& request, absl::Time deadline,
              Respond<v1::GetMaintenanceResponse> respond);
  void Handle(const v1::BeginMaintenanceRequest& request, absl::Time deadline,
              Respond<v1::BeginMaintenanceResponse> respond);
  void Handle(const v1::EndMaintenanceRequest& request, absl::Time deadline,
              Respond<v1::EndMaintenanceResponse> respond);

 private:
  // What the store says, which is that there is maintenance, with what this server knows beside it.
  storage::MaintenanceState Told(const storage::GrantResult& answer) const;

  storage::Backend* const backend_;
  const std::function<storage::MaintenanceState()> state_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_MAINTENANCE_HANDLERS_H_
