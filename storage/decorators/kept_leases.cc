#include "storage/decorators/kept_leases.h"

#include <algorithm>

#include "storage/error.h"

namespace authstate::storage {

bool KeepsLease(const LeaseRequest& request) {
  return request.action == LeaseRequest::Action::kRenew || request.action == LeaseRequest::Action::kAcquire;
}

LeaseRequest GetOf(const LeaseRequest& request) {
  LeaseRequest get;
  get.session_id = request.session_id;
  return get;
}

std::optional<absl::StatusOr<LeaseResult>> Told(const LeaseRequest& request, const absl::StatusOr<LeaseResult>& found,
                                                absl::Time since) {
  if (!found.ok()) return WithOutcome(found.status(), Outcome::kNotApplied);
  const Lease& lease = found->lease;
  if (request.action == LeaseRequest::Action::kRenew && (!lease.held() || lease.fence != request.fence)) {
    return StaleFence(lease);
  }
  if (request.action == LeaseRequest::Action::kAcquire && lease.owner != request.owner) return std::nullopt;
  const std::optional<absl::Duration> left = LeftAfterMaintenance(lease, since);
  if (!left.has_value()) return std::nullopt;
  LeaseResult told = *found;
  told.lease.remaining = std::min(request.ttl, *left);
  told.lease.expire_time += told.lease.remaining - lease.remaining;
  return told;
}

}  // namespace authstate::storage
