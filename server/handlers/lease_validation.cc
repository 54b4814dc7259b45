#include "server/handlers/lease_validation.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "server/handlers/duration_field.h"
#include "server/handlers/request_error.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

// Half of what stands between the fences of a home and those that clients get there (storage/lease.h).
constexpr std::uint64_t kMaxFenceStep = storage::kFencesOfAHome / 2;

absl::Status CheckField(absl::string_view field, const absl::Status& rule) {
  return rule.ok() ? rule : InvalidField(field, rule.message());
}

template <typename Request>
absl::StatusOr<storage::LeaseRequest> Begin(const Request& request, storage::LeaseRequest::Action action) {
  absl::Status status = CheckField("session_id", CheckSessionId(request.session_id()));
  if (!status.ok()) return status;
  storage::LeaseRequest lease;
  lease.session_id = request.session_id();
  lease.action = action;
  return lease;
}

// A store may own a session, and nobody else may pass for one.
absl::Status CheckOwnerOfClient(const std::string& owner) {
  if (absl::StartsWith(owner, storage::kHomeOwnerPrefix)) {
    return InvalidField("owner",
                        absl::StrCat("begins with \"", storage::kHomeOwnerPrefix, "\", as only stores are named"));
  }
  return CheckField("owner", CheckOwner(owner));
}

absl::Status TakeTtl(const google::protobuf::Duration& message, absl::Duration* ttl) {
  const absl::StatusOr<absl::Duration> duration = DurationField("ttl", message);
  if (!duration.ok()) return duration.status();
  *ttl = *duration;
  if (*ttl < absl::Seconds(kMinLeaseSeconds)) {
    return InvalidField("ttl", absl::StrCat("less than ", kMinLeaseSeconds, " s"));
  }
  if (*ttl > absl::Seconds(kMaxLeaseSeconds)) {
    return InvalidField("ttl", absl::StrCat("more than ", kMaxLeaseSeconds, " s"));
  }
  return absl::OkStatus();
}

template <typename Request>
absl::Status TakeFence(const Request& request, storage::LeaseRequest* lease) {
  if (request.fence() == 0) return InvalidField("fence", "is 0, which is no fence");
  lease->fence = request.fence();
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckStealing(bool steal, Stealing stealing) {
  if (!steal || stealing == Stealing::kAllowed) return absl::OkStatus();
  return storage::WithOutcome(
      storage::Error(absl::StatusCode::kPermissionDenied, "STEALING_REFUSED", "steal: this server does not allow it"),
      storage::Outcome::kNotApplied);
}

absl::StatusOr<storage::LeaseRequest> Validate(const v1::AcquireLeaseRequest& request) {
  auto lease = Begin(request, storage::LeaseRequest::Action::kAcquire);
  if (!lease.ok()) return lease;
  absl::Status status = CheckOwnerOfClient(request.owner());
  if (status.ok()) status = TakeTtl(request.ttl(), &lease->ttl);
  if (!status.ok()) return status;
  if (request.fence_step() > kMaxFenceStep) {
    return InvalidField("fence_step", absl::StrCat("more than ", kMaxFenceStep));
  }
  lease->owner = request.owner();
  lease->steal = request.steal();
  lease->fence_step = std::max<std::uint64_t>(request.fence_step(), 1);
  return lease;
}

absl::StatusOr<storage::LeaseRequest> Validate(const v1::RenewLeaseRequest& request) {
  auto lease = Begin(request, storage::LeaseRequest::Action::kRenew);
  if (!lease.ok()) return lease;
  absl::Status status = TakeFence(request, &*lease);
  if (status.ok()) status = TakeTtl(request.ttl(), &lease->ttl);
  if (!status.ok()) return status;
  return lease;
}

absl::StatusOr<storage::LeaseRequest> Validate(const v1::ReleaseLeaseRequest& request) {
  auto lease = Begin(request, storage::LeaseRequest::Action::kRelease);
  if (!lease.ok()) return lease;
  absl::Status status = TakeFence(request, &*lease);
  if (!status.ok()) return status;
  return lease;
}

absl::StatusOr<storage::LeaseRequest> Validate(const v1::GetLeaseRequest& request) {
  return Begin(request, storage::LeaseRequest::Action::kGet);
}

absl::StatusOr<storage::LeaseRequest> Validate(const v1::PipeAttach& request) {
  const bool resumes = request.fence() != 0;
  auto lease =
      Begin(request, resumes ? storage::LeaseRequest::Action::kRenew : storage::LeaseRequest::Action::kAcquire);
  if (!lease.ok()) return lease;
  absl::Status status = CheckOwnerOfClient(request.owner());
  if (status.ok()) status = TakeTtl(request.ttl(), &lease->ttl);
  if (!status.ok()) return status;
  lease->owner = request.owner();
  lease->steal = !resumes && request.steal();
  lease->fence = request.fence();
  return lease;
}

absl::StatusOr<storage::LeaseRequest> Validate(const v1::PipeRenew& request) {
  storage::LeaseRequest lease;
  lease.action = storage::LeaseRequest::Action::kRenew;
  absl::Status status = TakeTtl(request.ttl(), &lease.ttl);
  if (!status.ok()) return status;
  return lease;
}

}  // namespace authstate::server
