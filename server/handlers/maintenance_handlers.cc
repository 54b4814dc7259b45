#include "server/handlers/maintenance_handlers.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "contract/names.h"
#include "server/handlers/duration_field.h"
#include "server/handlers/request_error.h"
#include "server/handlers/state_messages.h"
#include "storage/error.h"
#include "storage/grants/maintenance_terms.h"

namespace authstate::server {
namespace {

using Action = storage::GrantRequest::Action;

constexpr std::size_t kMaxReasonBytes = 200;
constexpr int kMaxAllowed = 100;
constexpr absl::Duration kDefaultHold = absl::Seconds(30);
constexpr absl::Duration kMaxHold = absl::Hours(1);

storage::GrantRequest RequestOf(Action action) {
  storage::GrantRequest request;
  request.action = action;
  return request;
}

}  // namespace

absl::StatusOr<storage::Maintenance> Validate(const v1::BeginMaintenanceRequest& request) {
  storage::Maintenance maintenance;
  maintenance.reason = request.reason();
  if (maintenance.reason.empty() || maintenance.reason.size() > kMaxReasonBytes) {
    return InvalidField("reason", absl::StrCat("is not 1 to ", kMaxReasonBytes, " bytes"));
  }
  if (std::any_of(maintenance.reason.begin(), maintenance.reason.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; })) {
    return InvalidField("reason", "has a control character");
  }
  maintenance.hold = kDefaultHold;
  if (request.has_hold()) {
    const absl::StatusOr<absl::Duration> hold = DurationField("hold", request.hold());
    if (!hold.ok()) return hold.status();
    if (*hold < absl::ZeroDuration() || *hold > kMaxHold) return InvalidField("hold", "is not 0 s to 1 h");
    maintenance.hold = *hold;
  }
  if (request.allowed_prefixes_size() > kMaxAllowed) {
    return InvalidField("allowed_prefixes", absl::StrCat("more than ", kMaxAllowed));
  }
  for (int i = 0; i < request.allowed_prefixes_size(); ++i) {
    const std::string& prefix = request.allowed_prefixes(i);
    // What may be an id may be how one begins.
    if (const absl::Status rule = CheckSessionId(prefix); !rule.ok()) {
      return InvalidField(absl::StrCat("allowed_prefixes[", i, "]"), rule.message());
    }
    maintenance.allowed.push_back({prefix, /*prefix=*/true});
  }
  return maintenance;
}

v1::Maintenance ToMessage(const storage::MaintenanceState& state) {
  v1::Maintenance message;
  message.set_reason(state.maintenance->reason);
  SetMicros(absl::ToInt64Microseconds(state.maintenance->hold), message.mutable_hold());
  for (const storage::SessionScope& scope : state.maintenance->allowed) message.add_allowed_prefixes(scope.id);
  SetMicros(absl::ToUnixMicros(state.maintenance->since), message.mutable_begin_time());
  SetMicros(absl::ToInt64Microseconds(state.settle_time), message.mutable_settle_time());
  message.set_writes_under_way(state.writes_under_way);
  message.set_held_writes(state.held);
  return message;
}

storage::MaintenanceState MaintenanceHandlers::Told(const storage::GrantResult& answer) const {
  storage::MaintenanceState state = state_();
  // Where this server has heard of other terms, or of none yet, it cannot tell how long these have been there.
  const bool heard = state.maintenance.has_value() && Same(*state.maintenance, *answer.maintenance);
  if (!heard) state.settle_time = storage::kMaintenanceTrust + storage::kMaintenanceMargin;
  state.maintenance = answer.maintenance;
  return state;
}

void MaintenanceHandlers::Handle(const v1::GetMaintenanceRequest& /*request*/, absl::Time deadline,
                                 Respond<v1::GetMaintenanceResponse> respond) {
  backend_->Grants(RequestOf(Action::kGetMaintenance), deadline,
                   [this, respond = std::move(respond)](const absl::StatusOr<storage::GrantResult>& answer) mutable {
                     if (!answer.ok()) return std::move(respond)(answer.status());
                     v1::GetMaintenanceResponse response;
                     if (answer->maintenance.has_value()) *response.mutable_maintenance() = ToMessage(Told(*answer));
                     std::move(respond)(std::move(response));
                   });
}

void MaintenanceHandlers::Handle(const v1::BeginMaintenanceRequest& request, absl::Time deadline,
                                 Respond<v1::BeginMaintenanceResponse> respond) {
  absl::StatusOr<storage::Maintenance> maintenance = Validate(request);
  if (!maintenance.ok()) return std::move(respond)(maintenance.status());
  storage::GrantRequest begin = RequestOf(Action::kBeginMaintenance);
  begin.maintenance = *std::move(maintenance);
  backend_->Grants(std::move(begin), deadline,
                   [this, respond = std::move(respond)](const absl::StatusOr<storage::GrantResult>& answer) mutable {
                     if (!answer.ok()) return std::move(respond)(answer.status());
                     v1::BeginMaintenanceResponse response;
                     *response.mutable_maintenance() = ToMessage(Told(*answer));
                     std::move(respond)(std::move(response));
                   });
}

void MaintenanceHandlers::Handle(const v1::EndMaintenanceRequest& /*request*/, absl::Time deadline,
                                 Respond<v1::EndMaintenanceResponse> respond) {
  backend_->Grants(RequestOf(Action::kEndMaintenance), deadline,
                   [respond = std::move(respond)](const absl::StatusOr<storage::GrantResult>& answer) mutable {
                     if (!answer.ok()) return std::move(respond)(answer.status());
                     std::move(respond)(v1::EndMaintenanceResponse());
                   });
}

}  // namespace authstate::server
