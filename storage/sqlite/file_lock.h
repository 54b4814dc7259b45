#ifndef AUTHSTATE_STORAGE_SQLITE_FILE_LOCK_H_
#define AUTHSTATE_STORAGE_SQLITE_FILE_LOCK_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace authstate::storage {

// Keeps a second process from serving the same file. The lock is a file of its own, beside the database: closing any
// descriptor of the database file itself would drop the locks that SQLite holds on it. The kernel lets go of the lock
// when the process ends, however it ends; the file stays.
class FileLock {
 public:
  // FailedPrecondition when another process holds the lock; PermissionDenied or NotFound when the file cannot be made.
  static absl::StatusOr<FileLock> Acquire(const std::string& path);

  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_FILE_LOCK_H_
