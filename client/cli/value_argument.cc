#include "client/cli/value_argument.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "client/cli/folder/file_io.h"
#include "client/cli/terminal/text.h"
#include "contract/limits.h"

namespace authstate::cli {

absl::StatusOr<std::string> ReadValueArgument(const std::string& argument) {
  absl::StatusOr<std::string> bytes = argument;
  std::string source = "value";
  if (argument == "-") {
    source = "standard input";
    bytes = ReadAll(STDIN_FILENO, kMaxMessageBytes);
  } else if (!argument.empty() && argument.front() == '@') {
    source = argument.substr(1);
    bytes = ReadFile(source, kMaxMessageBytes, Links::kFollowed);
  }
  if (bytes.ok()) return bytes;
  return WithMessage(bytes.status(), absl::StrCat(source, " ", bytes.status().message()));
}

}  // namespace authstate::cli
