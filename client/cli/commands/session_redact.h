#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_SESSION_REDACT_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_SESSION_REDACT_H_

#include <string>

#include "absl/status/status.h"
#include "client/cli/command_context.h"

namespace authstate::cli {

// Prints what a bug report may say of a session: its state, findings, sizes and the shapes of its values, as one JSON
// document without secrets, whole phone numbers and names that people gave. docs/session-check.md says what is in it.
absl::Status WriteRedacted(CommandContext& context, const std::string& session_id);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_SESSION_REDACT_H_
