#include <csignal>
#include <string>
#include <vector>

#include "client/cli/command_line.h"
#include "profiles/secrets.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  authstate::profiles::HideSecretArguments(argc, argv);
  // A reader that goes away is an error of the write, so that commands end in good order.
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<const char*> words;
  words.reserve(arguments.size());
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  return static_cast<int>(authstate::cli::RunCommandLine(static_cast<int>(words.size()), words.data()));
}
