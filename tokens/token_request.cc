#include "tokens/token_request.h"

namespace authstate::tokens {

std::optional<Token> Issue(storage::GrantRequest* request) {
  storage::Grant& grant = request->grant;
  if (request->action == storage::GrantRequest::Action::kCreate) grant.id = NewId();
  if (!grant.certificate_name.empty()) return std::nullopt;
  Token token = Token::New(grant.id);
  token.PutInto(&grant);
  return token;
}

}  // namespace authstate::tokens
