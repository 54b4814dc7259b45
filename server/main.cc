#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "keyring/keyring.h"
#include "keyring/keyring_source.h"
#include "profiles/secrets.h"
#include "server/app.h"
#include "server/options.h"

int main(int argc, char** argv) {
  // Distributions build abseil with its search for lock cycles, which costs a tenth of a request answered from memory.
  // Tests that run parts of the server in their own process keep it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  authstate::profiles::KeepMemoryPrivate();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  authstate::profiles::HideSecretArguments(argc, argv);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);

  authstate::profiles::HideVariable(authstate::kKeyringVariable);
  auto parsed = authstate::server::ParseOptions(arguments, environment);
  for (std::string& entry : environment) authstate::Wipe(&entry);
  if (const auto* print = std::get_if<authstate::server::PrintAndExit>(&parsed)) {
    std::fputs(print->text.c_str(), print->exit_code == 0 ? stdout : stderr);
    return print->exit_code;
  }

  umask(S_IRWXG | S_IRWXO);  // what the store writes is for its owner alone
  authstate::server::BlockStopSignals();
  return authstate::server::RunApp(std::get<authstate::server::Options>(parsed));
}
