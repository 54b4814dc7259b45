#include <csignal>
#include <string>
#include <vector>

#include "client/cli/commands/command_line.h"
#include "profiles/secrets.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  authstate::profiles::HideSecretArguments(argc, argv);
  // A reader that goes away is an error of the write, so that commands end in good order.
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(authstate::cli::RunCommandLine(arguments));
}
