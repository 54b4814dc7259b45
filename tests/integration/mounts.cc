#include "tests/integration/mounts.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace authstate::test {

std::vector<std::string> WithMounts(const std::string& script, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"unshare", "--mount", "--propagation", "private"};
  if (geteuid() != 0) argv.insert(argv.end(), {"--user", "--map-current-user", "--keep-caps"});
  argv.insert(argv.end(), {"/bin/sh", "-euc", script, "sh"});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

absl::Status TryToMount() {
  const TempDir folder;
  std::vector<std::string> argv = WithMounts(kMountSmallDisk, {folder.path()});
  argv.emplace_back("true");
  auto probe = Subprocess::Start({std::move(argv), {}});
  if (!probe.ok()) return probe.status();
  const auto ended = (*probe)->Wait(absl::Minutes(1));
  if (!ended.ok()) return ended.status();
  if (ended->code == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("nothing may be mounted here: ", (*probe)->output(Subprocess::Stream::kStderr)));
}

}  // namespace authstate::test
