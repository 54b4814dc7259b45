#ifndef AUTHSTATE_SERVER_HANDLERS_REQUEST_VALIDATION_H_
#define AUTHSTATE_SERVER_HANDLERS_REQUEST_VALIDATION_H_

#include "absl/status/statusor.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "storage/backend.h"

// From a request as a caller sent it to work that storage may take: every field within the contract, every value in
// canonical form. Errors are InvalidField and name the first field at fault. Pure; each takes the request over, so that
// values are moved and not copied.
namespace authstate::server {

absl::StatusOr<storage::ReadRequest> Validate(v1::GetCredsRequest request);
absl::StatusOr<storage::ReadRequest> Validate(v1::GetKeysRequest request);

absl::StatusOr<storage::Commit> Validate(v1::SetCredsRequest request);
absl::StatusOr<storage::Commit> Validate(v1::DeleteCredsRequest request);
absl::StatusOr<storage::Commit> Validate(v1::SetKeysRequest request);
absl::StatusOr<storage::Commit> Validate(v1::DeleteKeysRequest request);
absl::StatusOr<storage::Commit> Validate(v1::CommitRequest request);
absl::StatusOr<storage::Commit> Validate(v1::DeleteSessionRequest request);

// A pipe's requests have no session and fence: those of the channel are meant.
absl::StatusOr<storage::ReadRequest> Validate(v1::PipeGet&& request);
absl::StatusOr<storage::Commit> Validate(v1::PipeCommit&& request);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_REQUEST_VALIDATION_H_
