#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_COMMAND_LINE_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "client/cli/terminal/exit_code.h"

namespace authstate::cli {

// Runs authstatectl: results on standard output, errors on standard error.
// `words` are the arguments, without the program's name.
ExitCode RunCommandLine(const std::vector<std::string>& words);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_COMMAND_LINE_H_
