#ifndef AUTHSTATE_SERVER_HANDLERS_LEASE_HANDLERS_H_
#define AUTHSTATE_SERVER_HANDLERS_LEASE_HANDLERS_H_

#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/handlers/auth_state_handlers.h"
#include "server/handlers/lease_validation.h"
#include "storage/backend.h"

namespace authstate::server {

// The lease RPCs of AuthStateService, without the RPC framework around them: like AuthStateHandlers. Thread-safe.
// `backend` is borrowed and outlives every answer.
class LeaseHandlers {
 public:
  LeaseHandlers(storage::Backend* backend, Stealing stealing) : backend_(backend), stealing_(stealing) {}

  void Handle(const v1::AcquireLeaseRequest& request, absl::Time deadline, Respond<v1::AcquireLeaseResponse> respond);
  void Handle(const v1::RenewLeaseRequest& request, absl::Time deadline, Respond<v1::RenewLeaseResponse> respond);
  void Handle(const v1::ReleaseLeaseRequest& request, absl::Time deadline, Respond<v1::ReleaseLeaseResponse> respond);
  void Handle(const v1::GetLeaseRequest& request, absl::Time deadline, Respond<v1::GetLeaseResponse> respond);

 private:
  storage::Backend* const backend_;
  const Stealing stealing_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_LEASE_HANDLERS_H_
