#include "profiles/readable_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "profiles/secrets.h"
#include "storage/absolute_path.h"

namespace authstate::profiles {
namespace {

constexpr mode_t kPermissionBits = 07777;

}  // namespace

std::optional<std::string> WarningOfReaders(absl::string_view what, const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return std::nullopt;
  const bool readable_when_closed = geteuid() == 0 || file.st_uid == geteuid();
  const mode_t others = readable_when_closed ? S_IRGRP | S_IROTH : S_IROTH;
  if ((file.st_mode & others) == 0) return std::nullopt;
  const std::string absolute = storage::AbsolutePath(path);
  return absl::StrFormat("%s %s has mode %04o, so that other accounts of this machine can read it: chmod %s %s", what,
                         absolute, file.st_mode & kPermissionBits, readable_when_closed ? "600" : "640", absolute);
}

std::optional<std::string> WarningOfConfigReaders(const std::string& path) {
  // Line by line, as what stands between two URLs is a password of neither.
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (MaskPassword(line) != line) return WarningOfReaders("the configuration file with a password", path);
  }
  return std::nullopt;
}

std::vector<std::string> WarningsOfDatabaseReaders(const std::string& path) {
  std::vector<std::string> warnings;
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    std::optional<std::string> warning = WarningOfReaders("the database file", absl::StrCat(path, suffix));
    if (warning.has_value()) warnings.push_back(*std::move(warning));
  }
  return warnings;
}

}  // namespace authstate::profiles
