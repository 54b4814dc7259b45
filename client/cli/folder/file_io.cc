#include "client/cli/folder/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace authstate::cli {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
constexpr mode_t kOwnerOnly = 0600;

}  // namespace

absl::Status SystemError(absl::string_view what) {
  const int error = errno;
  const std::string message = absl::StrCat(what, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case EEXIST:
    case ENOTEMPTY:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case EROFS:
    case ENAMETOOLONG:
    case EXDEV:
      return absl::FailedPreconditionError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<std::string> ReadAll(int fd, std::size_t max_bytes) {
  std::string bytes;
  std::array<char, kChunkBytes> chunk{};
  while (true) {
    const ssize_t count = read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot be read");
    if (count == 0) return bytes;
    bytes.append(chunk.data(), static_cast<std::size_t>(count));
    if (bytes.size() > max_bytes) return absl::InvalidArgumentError(absl::StrCat("longer than ", max_bytes, " bytes"));
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes, Links links) {
  // Without waiting for a writer, should it be a pipe.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (links == Links::kRefused ? O_NOFOLLOW : 0));
  if (fd < 0 && errno == ELOOP && links == Links::kRefused) {
    return absl::FailedPreconditionError("is a symbolic link, which is not followed: put the file itself there");
  }
  if (fd < 0) return SystemError("cannot be opened");
  const absl::Cleanup close_file = [fd] { close(fd); };
  struct stat facts {};
  if (fstat(fd, &facts) != 0) return SystemError("cannot be read");
  if (!S_ISREG(facts.st_mode)) return absl::FailedPreconditionError("is not a regular file");
  return ReadAll(fd, max_bytes);
}

absl::Status WriteNewFile(const std::string& path, absl::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
  if (fd < 0) return SystemError("cannot be created");
  absl::Cleanup close_file = [fd] { close(fd); };
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  std::move(close_file).Cancel();
  if (close(fd) != 0) return SystemError("cannot be written");
  return absl::OkStatus();
}

}  // namespace authstate::cli
