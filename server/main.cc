#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "server/app.h"
#include "server/options.h"

namespace {

// A password on the command line stays visible to every user of the machine through the process list; overwrite it.
void HideSecrets(int argc, char** argv) {
  bool hide_next = false;
  for (int i = 1; i < argc; ++i) {
    char* secret = hide_next ? argv[i] : nullptr;
    hide_next = std::strcmp(argv[i], "--postgres-url") == 0;
    constexpr char kInline[] = "--postgres-url=";
    if (absl::StartsWith(argv[i], kInline)) secret = argv[i] + std::strlen(kInline);
    if (secret != nullptr) std::memset(secret, '*', std::strlen(secret));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  HideSecrets(argc, argv);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);

  const auto parsed = authstate::server::ParseOptions(arguments, environment);
  if (const auto* print = std::get_if<authstate::server::PrintAndExit>(&parsed)) {
    std::fputs(print->text.c_str(), print->exit_code == 0 ? stdout : stderr);
    return print->exit_code;
  }

  umask(S_IRWXG | S_IRWXO);  // what the store writes is for its owner alone
  authstate::server::BlockStopSignals();
  return authstate::server::RunApp(std::get<authstate::server::Options>(parsed));
}
