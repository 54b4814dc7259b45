#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_TOKEN_TEXT_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_TOKEN_TEXT_H_

#include <string>
#include <vector>

#include "client/cli/terminal/output.h"
#include "client/cpp/token_types.h"

// A token in words and as JSON; without its secret, which is in neither.
namespace authstate::cli {

// `read`, `write`, `steal` or `admin`.
std::string RightText(client::Right right);

// {"id":…,"label":…,"certificate_name":…,"rights":["read"],"sessions":["sales"],"prefixes":["team:"],"state":"valid",
// "created":…,"expires":…,"revoked":…,"last_used":…}; a time that there is not is null.
Json TokenJson(const client::TokenInfo& token);

// A row for each of its facts: `rights`, `read, write`.
std::vector<std::vector<std::string>> TokenRows(const client::TokenInfo& token);

// The heading of a list of tokens, and the row of one.
std::vector<std::string> TokenHeading();
std::vector<std::string> TokenRow(const client::TokenInfo& token);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_TOKEN_TEXT_H_
