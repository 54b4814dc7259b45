// Validation of every request of AuthStateService, and of those of AdminService that carry terms. The first byte of an
// input chooses the request, the rest is its bytes on the wire.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "authstate/v1/admin_service.pb.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "server/handlers/backend_messages.h"
#include "server/handlers/lease_validation.h"
#include "server/handlers/maintenance_handlers.h"
#include "server/handlers/request_validation.h"
#include "server/handlers/selection_validation.h"
#include "server/handlers/token_messages.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/valid_work.h"
#include "tokens/token.h"

namespace authstate::fuzz {
namespace {

void CheckWork(const server::Loading& loading, Session /*session*/) {
  Hold(CheckSessionId(loading.snapshot.session_id).ok(), "the session's id is one");
  Hold(loading.page_bytes > 0 && loading.page_bytes <= kMaxLoadPageBytes, "pages are within their limit");
  for (const auto& type : loading.snapshot.types) Hold(CheckKeyType(type).ok(), "types are of the contract");
}

void CheckWork(const server::Listing& listing, Session /*session*/) {
  Hold(CheckSessionIdPrefix(listing.list.prefix).ok(), "the prefix is one");
  Hold(listing.list.limit > 0 && listing.list.limit <= kMaxListPageSize, "pages are within their limit");
  Hold(listing.states.empty() || listing.want_state, "states that are filtered by are read");
}

void CheckWork(const storage::GrantRequest& request, Session /*session*/) {
  const std::optional<absl::Duration>& lives = request.time_to_live;
  Hold(!lives.has_value() || (*lives > absl::ZeroDuration() && *lives < absl::InfiniteDuration()), "tokens end");
  if (request.action != storage::GrantRequest::Action::kCreate)
    return Hold(tokens::IsId(request.grant.id), "the id is one");
  Hold(request.grant.rights != 0 && request.grant.rights <= storage::kAllRights, "rights are of those that there are");
  for (const storage::SessionScope& scope : request.grant.scopes) {
    Hold((scope.prefix ? CheckSessionIdPrefix(scope.id) : CheckSessionId(scope.id)).ok(), "scopes are of the contract");
  }
}

void CheckWork(const storage::Maintenance& maintenance, Session /*session*/) {
  Hold(!maintenance.reason.empty() && IsValidUtf8(maintenance.reason), "the reason is a text");
  Hold(maintenance.hold >= absl::ZeroDuration() && maintenance.hold <= absl::Hours(1), "writes are not held for long");
  for (const storage::SessionScope& scope : maintenance.allowed)
    Hold(CheckSessionId(scope.id).ok(), "what is allowed begins ids");
}

void CheckWork(const storage::SwitchRequest& request, Session /*session*/) {
  Hold(!request.target.empty() && !(request.sync && request.force), "what is asked for can be done");
  Hold(request.max_pause > absl::ZeroDuration() && request.max_pause <= absl::Minutes(1), "the pause is short");
}

void CheckWork(const storage::SyncRequest& request, Session /*session*/) {
  Hold(!request.target.empty(), "there is a target");
  Hold(!request.follow || request.mode == storage::SyncRequest::Mode::kSync, "what is followed is made equal");
}

template <typename Request>
auto Validate(Request request) {
  return server::Validate(std::move(request));
}
auto Validate(const v1::SwitchBackendRequest& request) { return server::ToSwitchRequest(request); }
auto Validate(const v1::SyncBackendRequest& request) { return server::ToSyncRequest(request); }

template <typename Request>
void Check(absl::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto work = Validate(std::move(request));
  Hold(work.ok() || absl::IsInvalidArgument(work.status()), "what is refused is InvalidArgument");
  if (work.ok()) CheckWork(*work, Session::kNamed);
}

// In an order that stays, as inputs of the corpus count on it.
constexpr void (*kChecks[])(absl::string_view) = {
    Check<v1::GetCredsRequest>,      Check<v1::GetKeysRequest>,       Check<v1::SetCredsRequest>,
    Check<v1::DeleteCredsRequest>,   Check<v1::SetKeysRequest>,       Check<v1::DeleteKeysRequest>,
    Check<v1::CommitRequest>,        Check<v1::DeleteSessionRequest>, Check<v1::LoadSessionRequest>,
    Check<v1::ListSessionsRequest>,  Check<v1::AcquireLeaseRequest>,  Check<v1::RenewLeaseRequest>,
    Check<v1::ReleaseLeaseRequest>,  Check<v1::GetLeaseRequest>,      Check<v1::CreateTokenRequest>,
    Check<v1::RotateTokenRequest>,   Check<v1::RevokeTokenRequest>,   Check<v1::BeginMaintenanceRequest>,
    Check<v1::SwitchBackendRequest>, Check<v1::SyncBackendRequest>,
};

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  // It would tell of every string that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  absl::string_view bytes = authstate::fuzz::TextOf(data, size);
  const std::size_t choice = authstate::fuzz::TakeByte(&bytes);
  authstate::fuzz::kChecks[choice % std::size(authstate::fuzz::kChecks)](bytes);
  return 0;
}
