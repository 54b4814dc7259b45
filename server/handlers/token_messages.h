#ifndef AUTHSTATE_SERVER_HANDLERS_TOKEN_MESSAGES_H_
#define AUTHSTATE_SERVER_HANDLERS_TOKEN_MESSAGES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "authstate/v1/token.pb.h"
#include "storage/grant.h"

// Between the messages of tokens and storage/grant.h. Errors are InvalidField and name the first field at fault. Pure.
namespace authstate::server {

// Without an id, and without a secret.
absl::StatusOr<storage::GrantRequest> Validate(const v1::CreateTokenRequest& request);
// Without the new secret.
absl::StatusOr<storage::GrantRequest> Validate(const v1::RotateTokenRequest& request);
absl::StatusOr<storage::GrantRequest> Validate(const v1::RevokeTokenRequest& request);
absl::Status CheckTokenId(const std::string& id);

// As it stands at `now`. Nothing of the secret is in it.
v1::Token ToMessage(const storage::Grant& grant, absl::Time now);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_TOKEN_MESSAGES_H_
