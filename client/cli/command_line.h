#ifndef AUTHSTATE_CLIENT_CLI_COMMAND_LINE_H_
#define AUTHSTATE_CLIENT_CLI_COMMAND_LINE_H_

#include "client/cli/exit_code.h"

namespace authstate::cli {

// Runs authstatectl: results on standard output, errors on standard error.
ExitCode RunCommandLine(int argc, const char* const* argv);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMAND_LINE_H_
