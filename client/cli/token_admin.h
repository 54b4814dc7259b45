#ifndef AUTHSTATE_CLIENT_CLI_TOKEN_ADMIN_H_
#define AUTHSTATE_CLIENT_CLI_TOKEN_ADMIN_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/command_context.h"
#include "client/cli/database_choice.h"
#include "client/cpp/token_types.h"

namespace authstate::cli {

// Where the tokens are looked at and changed: a server, or a database without one. Errors are those of AdminService.
class TokenAdmin {
 public:
  virtual ~TokenAdmin() = default;

  virtual absl::StatusOr<client::IssuedToken> Create(const client::TokenTerms& terms) = 0;
  // Those that have ended only with `ended`.
  virtual absl::StatusOr<std::vector<client::TokenInfo>> List(bool ended) = 0;
  virtual absl::StatusOr<client::TokenInfo> Get(const std::string& id) = 0;
  // nullopt: the token keeps the end that it has.
  virtual absl::StatusOr<client::IssuedToken> Rotate(const std::string& id,
                                                     std::optional<absl::Duration> time_to_live) = 0;
  virtual absl::StatusOr<client::TokenInfo> Revoke(const std::string& id) = 0;
};

// The database, if the line says anything of one; else the server. `context` outlives it.
absl::StatusOr<std::unique_ptr<TokenAdmin>> OpenTokens(CommandContext& context, const DatabaseChoice& database);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TOKEN_ADMIN_H_
