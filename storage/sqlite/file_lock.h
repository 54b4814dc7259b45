#ifndef AUTHSTATE_STORAGE_SQLITE_FILE_LOCK_H_
#define AUTHSTATE_STORAGE_SQLITE_FILE_LOCK_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace authstate::storage {

// Keeps a second process from serving the same database. The lock (flock) is on the file itself: no other name of it,
// by a symbolic or a hard link, leads around it, and nothing stands beside it that could be deleted. The kernel lets go
// of it when the process ends, however it ends.
//
// SQLite's own locks are of another kind (fcntl), and neither sees the other. But those of a process are gone as soon
// as it closes any descriptor of the file: a FileLock is opened before, and destroyed after, every connection to it.
class FileLock {
 public:
  // Opens the file with the `flags` of open(2), and does not lock it yet; one that O_CREAT makes is for its owner
  // alone. NotFound, PermissionDenied and what else the system says.
  static absl::StatusOr<FileLock> Open(const std::string& path, int flags);

  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileLock();

  // FailedPrecondition when another process has it.
  absl::Status Lock() const;
  void Unlock() const;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_FILE_LOCK_H_
