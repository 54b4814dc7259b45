#include "tests/support/temp_dir.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace authstate::test {

TempDir::TempDir() {
  constexpr mode_t kMode = 0755;
  path_ = (std::filesystem::temp_directory_path() / "authstate-test-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr || chmod(path_.c_str(), kMode) != 0) {
    std::perror(path_.c_str());
    std::abort();
  }
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

}  // namespace authstate::test
