#ifndef AUTHSTATE_STORAGE_MOVING_LEASE_SIDE_H_
#define AUTHSTATE_STORAGE_MOVING_LEASE_SIDE_H_

#include <string>

#include "absl/time/time.h"
#include "storage/lease.h"

// How a lease that two databases have, of the same owner under the same fence, ends in the one no earlier than in the
// other. Their clocks need not agree: each tells what is left of a lease.
namespace authstate::storage {

// What is added to what is left, so that small delays are not made up for again and again.
inline constexpr absl::Duration kLeaseSlack = absl::Seconds(1);

// A lease as one database told it, at a moment between these, by the clock of this machine.
struct LeaseSide {
  Lease lease;
  absl::Time asked;
  absl::Time answered;
};

// What is left now, at least, of a lease that is held, and kLeaseSlack; exactly, and negative, of one that has ended.
absl::Duration LeftOf(const LeaseSide& side);

// Whether the lease of the target, which is held as that of the source is, may end before that one, or much later.
bool NeedsRenewal(const LeaseSide& source, const LeaseSide& target);

// Lets the lease of the target end when that of the source does.
LeaseRequest Renewal(std::string session_id, const LeaseSide& source);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MOVING_LEASE_SIDE_H_
