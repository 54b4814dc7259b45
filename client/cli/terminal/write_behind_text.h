#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_WRITE_BEHIND_TEXT_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_WRITE_BEHIND_TEXT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/terminal/output.h"
#include "client/cpp/home_types.h"

namespace authstate::cli {

// How far the database is behind, at the time `now`, which ages are counted to.
Json WriteBehindJson(const client::WriteBehindInfo& state, absl::Time now);

// Rows of two columns, of which the first is a name.
std::vector<std::vector<std::string>> WriteBehindRows(const client::WriteBehindInfo& state, absl::Time now);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_WRITE_BEHIND_TEXT_H_
