// The reader of folders of useMultiFileAuthState. An input is a byte of flags, then files: a name, a line feed, what is
// in it, and a NUL.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "client/cli/folder/folder_reader.h"
#include "tests/fuzz/imported.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/scratch_folder.h"

namespace authstate::fuzz {
namespace {

constexpr std::uint8_t kSkipTorn = 1;
constexpr std::uint8_t kLiteralIds = 2;
constexpr std::uint8_t kWithoutCreds = 4;

void CheckFiles(std::uint8_t flags, absl::string_view files) {
  static const ScratchFolder folder;
  folder.Empty();
  for (const absl::string_view file : absl::StrSplit(files, '\0', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(file, absl::MaxSplits('\n', 1));
    // Another folder would be left behind.
    if (!absl::StrContains(parts.first, '/')) (void)folder.Write(parts.first, parts.second);
  }
  cli::FolderRules rules;
  rules.skip_torn = (flags & kSkipTorn) != 0;
  rules.names.literal_ids = (flags & kLiteralIds) != 0;
  rules.with_creds = (flags & kWithoutCreds) == 0;
  CheckFolder(cli::ReadFolder(folder.path(), rules, [](std::size_t, std::size_t) { return absl::OkStatus(); }));
  (void)cli::CredsBackupHint(folder.path());
}

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  absl::string_view files = authstate::fuzz::TextOf(data, size);
  const std::uint8_t flags = authstate::fuzz::TakeByte(&files);
  authstate::fuzz::CheckFiles(flags, files);
  return 0;
}
