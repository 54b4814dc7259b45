#include "storage/sqlite/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace authstate::storage {

absl::StatusOr<FileLock> FileLock::Open(const std::string& path, int flags) {
  const int descriptor = open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) {
    const bool writing = (flags & O_ACCMODE) != O_RDONLY;
    return absl::ErrnoToStatus(errno, writing ? "cannot be opened for writing" : "cannot be opened");
  }
  return FileLock(descriptor);
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status FileLock::Lock() const {
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno == EWOULDBLOCK) return absl::FailedPreconditionError("another process serves this file");
  return absl::ErrnoToStatus(errno, "cannot be locked");
}

void FileLock::Unlock() const { flock(descriptor_, LOCK_UN); }

}  // namespace authstate::storage
