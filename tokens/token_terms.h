#ifndef AUTHSTATE_TOKENS_TOKEN_TERMS_H_
#define AUTHSTATE_TOKENS_TOKEN_TERMS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/grant.h"

// What a token may be asked to be (limits in contract/limits.h), the same for the server and without one. Pure.
namespace authstate::tokens {

// What is wrong with a request, such as `scopes[1].prefix` and "longer than 128 bytes". The value is not quoted.
struct Fault {
  std::string field;
  std::string rule;
};

// What a grant may not be made for; its id, secret and times are not looked at. nullopt: nothing.
std::optional<Fault> FaultOfTerms(const storage::Grant& grant, const std::optional<absl::Duration>& time_to_live);
std::optional<Fault> FaultOfTimeToLive(const std::optional<absl::Duration>& time_to_live);
std::optional<Fault> FaultOfId(absl::string_view id);

}  // namespace authstate::tokens

#endif  // AUTHSTATE_TOKENS_TOKEN_TERMS_H_
