#include "storage/sqlite/store_place.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

// Links that lead to links; the kernel follows no more either.
constexpr int kMaxLinks = 40;
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status Moved(absl::string_view what, absl::string_view way_out) {
  return WithRetryDelay(
      Error(absl::StatusCode::kUnavailable, kDatabaseMoved,
            absl::StrCat(what, " was removed, renamed or replaced while the server runs; put the same file back, or ",
                         way_out)),
      kRetryDelay);
}

}  // namespace

std::string LogPath(const std::string& path) {
  // Not std::filesystem::canonical, which needs a file at the end of the last link.
  std::filesystem::path file = path;
  std::error_code error;
  for (int i = 0; i < kMaxLinks && std::filesystem::is_symlink(file, error); ++i) {
    const std::filesystem::path target = std::filesystem::read_symlink(file, error);
    if (error) break;
    file = file.parent_path() / target;
  }
  return file.string() + "-wal";
}

absl::StatusOr<StorePlace::File> StorePlace::Find(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return absl::ErrnoToStatus(errno, path);
  return File{path, found.st_dev, found.st_ino};
}

bool StorePlace::IsInPlace(const File& file) {
  const absl::StatusOr<File> now = Find(file.path);
  return now.ok() && now->device == file.device && now->inode == file.inode;
}

absl::StatusOr<StorePlace> StorePlace::Of(const std::string& path) {
  absl::StatusOr<File> database = Find(path);
  if (!database.ok()) return database.status();
  absl::StatusOr<File> log = Find(LogPath(path));
  if (!log.ok()) return log.status();
  return StorePlace(*std::move(database), *std::move(log));
}

absl::Status StorePlace::Check() const {
  if (!IsInPlace(database_)) return Moved("the database file", "restart the server to serve what is there now");
  if (!IsInPlace(log_)) return Moved("the log of the database (the file that ends in -wal)", "restart the server");
  return absl::OkStatus();
}

}  // namespace authstate::storage
