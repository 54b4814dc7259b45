#include "storage/sqlite/store_marker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "storage/sqlite/store_place.h"

namespace authstate::storage {
namespace {

constexpr char kText[] =
    "A store of authstate was made at this path, without the last part of this file's name. While this file is here,\n"
    "authstated makes no new, empty store there. To begin anew on purpose, delete this file too.\n";

// 0 when there is none.
std::uintmax_t Bytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

}  // namespace

absl::Status CheckLogHasItsDatabase(const std::string& path) {
  const std::string log = LogPath(path);
  if (Bytes(path) > 0 || Bytes(log) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("there is no database, but its log ", log,
                   " is not empty: the database was taken away. Put it back beside the log; or, to lose what the log "
                   "holds, delete the log"));
}

std::string MarkerPath(const std::string& path) { return absl::StrCat(path, ".made"); }

bool HasMarker(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(MarkerPath(path), error);
}

absl::Status LeaveMarker(const std::string& path) {
  const std::string marker = MarkerPath(path);
  const int descriptor = open(marker.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) {
    if (errno == EEXIST) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat(marker, " cannot be made"));
  }
  // Its existence is what counts; the text is for people, and may be missing on a full disk.
  [[maybe_unused]] const ssize_t written = write(descriptor, kText, sizeof(kText) - 1);
  close(descriptor);
  return absl::OkStatus();
}

absl::Status MarkedStoreIsGone(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat("there is no store, but there was one, as ", MarkerPath(path),
                   " says. Put the database back; or, to begin with a new, empty store, delete that file"));
}

}  // namespace authstate::storage
