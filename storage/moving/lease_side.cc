#include "storage/moving/lease_side.h"

#include <utility>

#include "absl/time/clock.h"

namespace authstate::storage {
namespace {

// A lease that ends so much later was shortened in the source since.
constexpr absl::Duration kMostLater = absl::Seconds(10);

}  // namespace

absl::Duration LeftOf(const LeaseSide& side) {
  const absl::Duration left = side.lease.remaining - (absl::Now() - side.answered);
  return side.lease.live() ? left + kLeaseSlack : left;
}

bool NeedsRenewal(const LeaseSide& source, const LeaseSide& target) {
  if (source.lease.live() && target.asked + target.lease.remaining < source.answered + source.lease.remaining) {
    return true;
  }
  return target.answered + target.lease.remaining > source.asked + source.lease.remaining + kMostLater;
}

LeaseRequest Renewal(std::string session_id, const LeaseSide& source) {
  LeaseRequest renew;
  renew.session_id = std::move(session_id);
  renew.action = LeaseRequest::Action::kRenew;
  renew.fence = source.lease.fence;
  renew.ttl = LeftOf(source);
  return renew;
}

}  // namespace authstate::storage
