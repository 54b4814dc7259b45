#ifndef AUTHSTATE_TOKENS_TOKEN_REQUEST_H_
#define AUTHSTATE_TOKENS_TOKEN_REQUEST_H_

#include <optional>

#include "storage/grant.h"
#include "tokens/token.h"

namespace authstate::tokens {

// Completes a request that is kCreate or kRotate with what is random in it: the id of a new grant, and what a new
// secret is checked by. Returns the token that its holder shows once that is done; nullopt for a certificate.
std::optional<Token> Issue(storage::GrantRequest* request);

}  // namespace authstate::tokens

#endif  // AUTHSTATE_TOKENS_TOKEN_REQUEST_H_
