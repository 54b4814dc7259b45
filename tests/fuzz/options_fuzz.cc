// The options of authstated. Each line of an input is one: `--…` is an argument, `AUTHSTATE_…` a variable of the
// environment, and the others are the configuration file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/options.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/scratch_folder.h"

namespace authstate::fuzz {
namespace {

constexpr char kConfigFile[] = "authstated.conf";

// An input may not name the file: it would be any of this machine.
bool NamesTheFile(absl::string_view line) {
  return absl::StartsWith(line, "--config") || absl::StartsWith(line, "AUTHSTATE_CONFIG");
}

void CheckOptions(absl::string_view text) {
  static const ScratchFolder folder;
  std::vector<std::string> arguments = {absl::StrCat("--config=", folder.path(), "/", kConfigFile)};
  std::vector<std::string> environment;
  std::string file;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (NamesTheFile(line) || absl::StrContains(line, '\0')) continue;
    if (absl::StartsWith(line, "--")) {
      arguments.emplace_back(line);
    } else if (absl::StartsWith(line, "AUTHSTATE_")) {
      environment.emplace_back(line);
    } else {
      absl::StrAppend(&file, line, "\n");
    }
  }
  Hold(folder.Write(kConfigFile, file), "the file can be written");
  const auto parsed = server::ParseOptions(arguments, environment);
  const auto* const answer = std::get_if<server::PrintAndExit>(&parsed);
  if (answer == nullptr || answer->exit_code == 0) return;
  Hold(!absl::StrContains(absl::StripSuffix(answer->text, "\n"), '\n'), "an error is one line");
}

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  authstate::fuzz::CheckOptions(authstate::fuzz::TextOf(data, size));
  return 0;
}
