#ifndef AUTHSTATE_SERVER_HANDLERS_LEASE_VALIDATION_H_
#define AUTHSTATE_SERVER_HANDLERS_LEASE_VALIDATION_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "storage/lease.h"

// From a lease request as a caller sent it to one that storage may take. Errors are InvalidField and name the first
// field at fault. Pure.
namespace authstate::server {

// Whether callers may take a live lease from its owner.
enum class Stealing : bool { kRefused, kAllowed };

// Whether a request that says `steal` may go on: PermissionDenied if not.
absl::Status CheckStealing(bool steal, Stealing stealing);

absl::StatusOr<storage::LeaseRequest> Validate(const v1::AcquireLeaseRequest& request);
absl::StatusOr<storage::LeaseRequest> Validate(const v1::RenewLeaseRequest& request);
absl::StatusOr<storage::LeaseRequest> Validate(const v1::ReleaseLeaseRequest& request);
absl::StatusOr<storage::LeaseRequest> Validate(const v1::GetLeaseRequest& request);

// A pipe's requests. An attach that names a fence renews under it; one that names none acquires.
absl::StatusOr<storage::LeaseRequest> Validate(const v1::PipeAttach& request);
// Without session and fence, which are those of the channel.
absl::StatusOr<storage::LeaseRequest> Validate(const v1::PipeRenew& request);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_LEASE_VALIDATION_H_
