#ifndef AUTHSTATE_CLIENT_CPP_MESSAGES_BACKEND_CONVERSION_H_
#define AUTHSTATE_CLIENT_CPP_MESSAGES_BACKEND_CONVERSION_H_

#include "authstate/v1/admin_service.pb.h"
#include "client/cpp/backend_types.h"
#include "client/cpp/types.h"

// Between the messages of AdminService and the types of the client. Pure.
namespace authstate::client {

v1::SwitchBackendRequest ToMessage(const SwitchOptions& options);
BackendInfo FromMessage(const v1::Backend& message);
WriteBehindInfo FromMessage(const v1::WriteBehind& message);
HomeInfo FromMessage(v1::Home message);
v1::BeginMaintenanceRequest ToMessage(const MaintenanceTerms& terms);
MaintenanceInfo FromMessage(v1::Maintenance message);
v1::SyncBackendRequest ToMessage(const SyncOptions& options);
SyncResult FromMessage(const v1::SyncResult& message);
SwitchProgress FromMessage(const v1::SwitchProgress& message);
SwitchResult FromMessage(const v1::SwitchResult& message);
CopyProgress FromMessage(const v1::CopyProgress& message);
StoreCopy FromMessage(const v1::CopyResult& message);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_MESSAGES_BACKEND_CONVERSION_H_
