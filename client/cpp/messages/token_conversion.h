#ifndef AUTHSTATE_CLIENT_CPP_MESSAGES_TOKEN_CONVERSION_H_
#define AUTHSTATE_CLIENT_CPP_MESSAGES_TOKEN_CONVERSION_H_

#include "authstate/v1/token.pb.h"
#include "client/cpp/token_types.h"

// Between the messages of tokens and the types of the client. Pure.
namespace authstate::client {

v1::CreateTokenRequest ToMessage(const TokenTerms& terms);
TokenInfo FromMessage(const v1::Token& message);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_MESSAGES_TOKEN_CONVERSION_H_
