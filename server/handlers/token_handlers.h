#ifndef AUTHSTATE_SERVER_HANDLERS_TOKEN_HANDLERS_H_
#define AUTHSTATE_SERVER_HANDLERS_TOKEN_HANDLERS_H_

#include "absl/time/time.h"
#include "authstate/v1/token.pb.h"
#include "server/handlers/auth_state_handlers.h"
#include "storage/backend.h"

namespace authstate::server {

// The RPCs of AdminService on tokens, without the RPC framework around them: like AuthStateHandlers. Thread-safe.
// `backend` is borrowed and outlives every answer.
class TokenHandlers {
 public:
  explicit TokenHandlers(storage::Backend* backend) : backend_(backend) {}

  void Handle(const v1::CreateTokenRequest& request, absl::Time deadline, Respond<v1::CreateTokenResponse> respond);
  void Handle(const v1::ListTokensRequest& request, absl::Time deadline, Respond<v1::ListTokensResponse> respond);
  void Handle(const v1::GetTokenRequest& request, absl::Time deadline, Respond<v1::GetTokenResponse> respond);
  void Handle(const v1::RotateTokenRequest& request, absl::Time deadline, Respond<v1::RotateTokenResponse> respond);
  void Handle(const v1::RevokeTokenRequest& request, absl::Time deadline, Respond<v1::RevokeTokenResponse> respond);

 private:
  storage::Backend* const backend_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_TOKEN_HANDLERS_H_
