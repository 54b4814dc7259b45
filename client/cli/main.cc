#include <grpc/support/log.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/cli/commands/command_line.h"
#include "profiles/secrets.h"

int main(int argc, char** argv) {
  authstate::profiles::KeepMemoryPrivate();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  authstate::profiles::HideSecretArguments(argc, argv);
  // A reader that goes away is an error of the write, so that commands end in good order.
  std::signal(SIGPIPE, SIG_IGN);
  // What gRPC writes about a connection that fails is in the error of the command.
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args* /*line*/) {});
  return static_cast<int>(authstate::cli::RunCommandLine(arguments));
}
