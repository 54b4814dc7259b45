#ifndef AUTHSTATE_STORAGE_DECORATORS_KEPT_LEASES_H_
#define AUTHSTATE_STORAGE_DECORATORS_KEPT_LEASES_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/lease.h"

// How a lease stays its owner's in maintenance without a write: time stands still for it (storage/lease.h).
namespace authstate::storage {

// Whether it asks for what its owner may have already.
bool KeepsLease(const LeaseRequest& request);

// What reads the lease that `request` is about.
LeaseRequest GetOf(const LeaseRequest& request);

// The answer to a request that keeps a lease, from what a read has found in maintenance that began at `since`; nullopt:
// it would take a write.
std::optional<absl::StatusOr<LeaseResult>> Told(const LeaseRequest& request, const absl::StatusOr<LeaseResult>& found,
                                                absl::Time since);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_KEPT_LEASES_H_
