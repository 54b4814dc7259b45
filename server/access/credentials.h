#ifndef AUTHSTATE_SERVER_ACCESS_CREDENTIALS_H_
#define AUTHSTATE_SERVER_ACCESS_CREDENTIALS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tokens/token.h"

namespace grpc {
class CallbackServerContext;
}

namespace authstate::server {

// Metadata key under which a token travels, after `Bearer`.
inline constexpr char kAuthorizationKey[] = "authorization";

// What a call shows to say who makes it. A connection says nothing by itself: calls of several callers share it.
struct Credentials {
  // Something was sent as a token. Then nothing else counts, also where it turns out to be none.
  bool has_token = false;
  // nullopt also for what has not the form of a token.
  std::optional<tokens::Token> token;
  // The names in the certificate of the client, as Grant::certificate_name has them. Its rights count only where no
  // token was sent.
  std::vector<std::string> certificate_names;
};

Credentials CredentialsOf(const grpc::CallbackServerContext& context);

// The token in the value of `authorization`: `Bearer as_<id>_<secret>`, the scheme in any case.
std::optional<tokens::Token> ParseAuthorization(absl::string_view value);

// The form in which names of certificates are compared: those of hosts in lower case.
std::string CanonicalName(absl::string_view certificate_name);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_ACCESS_CREDENTIALS_H_
