#include <csignal>

#include "client/cli/command_line.h"

int main(int argc, char** argv) {
  // A reader that goes away is an error of the write, so that commands end in good order.
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(authstate::cli::RunCommandLine(argc, argv));
}
