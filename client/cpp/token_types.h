#ifndef AUTHSTATE_CLIENT_CPP_TOKEN_TYPES_H_
#define AUTHSTATE_CLIENT_CPP_TOKEN_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

// Who may do what. Plain values, as thread-safe as a std::string; the fields are those of
// proto/authstate/v1/token.proto.
namespace authstate::client {

enum class Right : std::uint8_t { kRead, kWrite, kSteal, kAdmin };

// The session of that id, or all whose id starts with it.
struct SessionScope {
  std::string id;
  bool prefix = false;
};

// What a token is asked to be.
struct TokenTerms {
  std::string label;
  std::vector<Right> rights;
  std::vector<SessionScope> scopes;
  // nullopt: without an end.
  std::optional<absl::Duration> time_to_live;
  // The name of the client certificate that has the rights; empty: a bearer token has them.
  std::string certificate_name;
};

struct TokenInfo {
  enum class State : std::uint8_t { kValid, kExpired, kRevoked };

  std::string id;
  std::string label;
  std::string certificate_name;
  std::vector<Right> rights;
  std::vector<SessionScope> scopes;
  // The times are those of the clock of the database.
  absl::Time create_time;
  std::optional<absl::Time> expire_time;
  std::optional<absl::Time> revoke_time;
  std::optional<absl::Time> last_use_time;
  State state = State::kValid;
};

// A token with what its holder shows, which nobody can tell later. Secret.
struct IssuedToken {
  TokenInfo token;
  // Empty for a certificate.
  std::string bearer_token;
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_TOKEN_TYPES_H_
