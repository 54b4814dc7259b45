#ifndef AUTHSTATE_SERVER_HANDLERS_BACKEND_MESSAGES_H_
#define AUTHSTATE_SERVER_HANDLERS_BACKEND_MESSAGES_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "authstate/v1/admin_service.pb.h"
#include "storage/backend_targets.h"
#include "storage/near/write_behind_state.h"

// Between the messages of AdminService on the one hand, and storage/backend_targets.h and the state of write-behind on
// the other. Pure.
namespace authstate::server {

// InvalidArgument for a pause out of bounds, an empty target, or terms that contradict each other.
absl::StatusOr<storage::SwitchRequest> ToSwitchRequest(const v1::SwitchBackendRequest& request);

// InvalidArgument for an empty target, an unknown mode, or to follow without a sync.
absl::StatusOr<storage::SyncRequest> ToSyncRequest(const v1::SyncBackendRequest& request);

v1::SwitchProgress ToMessage(const storage::SwitchProgress& progress);
v1::SwitchResult ToMessage(const storage::SwitchReport& report, bool switched);
v1::SyncResult ToMessage(const storage::SyncReport& report);
v1::Backend ToMessage(const storage::TargetState& target);
v1::Backend::Probe ToMessage(const absl::Status& probe);
v1::WriteBehind ToMessage(const storage::WriteBehindState& state);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_BACKEND_MESSAGES_H_
