#include "server/handlers/token_handlers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/handlers/token_messages.h"
#include "storage/error.h"
#include "tokens/token.h"
#include "tokens/token_request.h"

namespace authstate::server {
namespace {

// Asks for a valid request; `fill` makes the response of what was found.
template <typename Response, typename Fill>
// NOLINTNEXTLINE(performance-unnecessary-value-param): it is moved on.
void Ask(storage::Backend* backend, storage::GrantRequest request, absl::Time deadline, Respond<Response> respond,
         Fill fill) {
  backend->Grants(std::move(request), deadline,
                  [respond = std::move(respond),
                   fill = std::move(fill)](const absl::StatusOr<storage::GrantResult>& result) mutable {
                    if (!result.ok()) return std::move(respond)(result.status());
                    std::move(respond)(fill(*result));
                  });
}

// The answer of a change that has told the one grant that it was about.
template <typename Response>
Response Changed(const storage::GrantResult& result) {
  Response response;
  *response.mutable_token() = ToMessage(result.grants->front(), result.now);
  return response;
}

// The same, with what the holder shows from now on.
template <typename Response>
auto ChangedWithSecret(std::optional<tokens::Token> token) {
  return [token = std::move(token)](const storage::GrantResult& result) -> absl::StatusOr<Response> {
    auto response = Changed<Response>(result);
    if (token.has_value()) response.set_bearer_token(token->Text());
    return response;
  };
}

}  // namespace

void TokenHandlers::Handle(const v1::CreateTokenRequest& request, absl::Time deadline,
                           Respond<v1::CreateTokenResponse> respond) {
  absl::StatusOr<storage::GrantRequest> create = Validate(request);
  if (!create.ok()) return std::move(respond)(create.status());
  std::optional<tokens::Token> token = tokens::Issue(&*create);
  Ask(backend_, *std::move(create), deadline, std::move(respond),
      ChangedWithSecret<v1::CreateTokenResponse>(std::move(token)));
}

void TokenHandlers::Handle(const v1::ListTokensRequest& request, absl::Time deadline,
                           Respond<v1::ListTokensResponse> respond) {
  Ask(backend_, {}, deadline, std::move(respond),
      [ended = request.ended()](const storage::GrantResult& result) -> absl::StatusOr<v1::ListTokensResponse> {
        v1::ListTokensResponse response;
        for (const storage::Grant& grant : *result.grants) {
          v1::Token token = ToMessage(grant, result.now);
          if (ended || token.state() == v1::Token::STATE_VALID) *response.add_tokens() = std::move(token);
        }
        return response;
      });
}

void TokenHandlers::Handle(const v1::GetTokenRequest& request, absl::Time deadline,
                           Respond<v1::GetTokenResponse> respond) {
  if (absl::Status checked = CheckTokenId(request.id()); !checked.ok()) return std::move(respond)(std::move(checked));
  Ask(backend_, {}, deadline, std::move(respond),
      [id = request.id()](const storage::GrantResult& result) -> absl::StatusOr<v1::GetTokenResponse> {
        const auto found = std::find_if(result.grants->begin(), result.grants->end(),
                                        [&id](const storage::Grant& grant) { return grant.id == id; });
        if (found == result.grants->end()) return storage::NoSuchToken();
        v1::GetTokenResponse response;
        *response.mutable_token() = ToMessage(*found, result.now);
        return response;
      });
}

void TokenHandlers::Handle(const v1::RotateTokenRequest& request, absl::Time deadline,
                           Respond<v1::RotateTokenResponse> respond) {
  absl::StatusOr<storage::GrantRequest> rotate = Validate(request);
  if (!rotate.ok()) return std::move(respond)(rotate.status());
  std::optional<tokens::Token> token = tokens::Issue(&*rotate);
  Ask(backend_, *std::move(rotate), deadline, std::move(respond),
      ChangedWithSecret<v1::RotateTokenResponse>(std::move(token)));
}

void TokenHandlers::Handle(const v1::RevokeTokenRequest& request, absl::Time deadline,
                           Respond<v1::RevokeTokenResponse> respond) {
  absl::StatusOr<storage::GrantRequest> revoke = Validate(request);
  if (!revoke.ok()) return std::move(respond)(revoke.status());
  Ask(backend_, *std::move(revoke), deadline, std::move(respond),
      [](const storage::GrantResult& result) -> absl::StatusOr<v1::RevokeTokenResponse> {
        return Changed<v1::RevokeTokenResponse>(result);
      });
}

}  // namespace authstate::server
