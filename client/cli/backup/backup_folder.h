#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_FOLDER_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_FOLDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/backup/record_file.h"
#include "client/cli/terminal/folder_problem.h"

// A folder of backups: one file each, complete in itself, `authstate-000042-20261130T051722Z.backup`. A file appears
// under such a name once it has been read back. Before that it is `.unfinished-XXXXXX`, and stays so where the program
// that wrote it was ended.
//
// Errors are FailedPrecondition for what the caller can mend, else Internal; they name the path.
namespace authstate::cli {

struct BackupFile {
  std::string path;
  // Read from the file, whose records were not checked.
  BackupHeader header;
  std::uint64_t bytes = 0;
  // Not so of a file that was cut: it may have sessions, and is no backup.
  bool has_end = true;
};

struct BackupListing {
  // In the order of their numbers, so that the oldest is the first.
  std::vector<BackupFile> files;
  // Those whose header cannot be read.
  std::vector<FolderProblem> unreadable;
  // Paths of files that were never finished, the longest first.
  std::vector<std::string> unfinished;
  // Greater than all of these, also by the names of those that cannot be read.
  std::uint64_t next_number = 1;
};

absl::StatusOr<BackupListing> ListBackups(const std::string& folder);

// The file that `path` means: itself, or the newest one of a folder; NotFound where that has none, and DataLoss where
// one that cannot be read may be the newest.
absl::StatusOr<std::string> FindBackup(const std::string& path);
// The same file, and after it those of the folder that are older, the newest first.
absl::StatusOr<std::vector<std::string>> FindBackups(const std::string& path);

// Keeps others from changing the same folder, which is made if it is not there, while this lives.
class BackupFolderLock {
 public:
  // FailedPrecondition when somebody else has it.
  static absl::StatusOr<BackupFolderLock> Take(const std::string& folder);
  ~BackupFolderLock();
  BackupFolderLock(BackupFolderLock&& other) noexcept;
  BackupFolderLock(const BackupFolderLock&) = delete;
  BackupFolderLock& operator=(const BackupFolderLock&) = delete;

  // Deletes a file of the folder.
  absl::Status Delete(const std::string& path) const;
  // Makes durable what was renamed and deleted.
  absl::Status Sync() const;

 private:
  BackupFolderLock(std::string folder, int fd) : folder_(std::move(folder)), fd_(fd) {}

  std::string folder_;
  int fd_;
};

// A file that is being written. Its end leaves it where it is.
class UnfinishedBackup {
 public:
  static absl::StatusOr<UnfinishedBackup> Create(const std::string& folder);
  ~UnfinishedBackup();
  UnfinishedBackup(UnfinishedBackup&& other) noexcept;
  UnfinishedBackup(const UnfinishedBackup&) = delete;
  UnfinishedBackup& operator=(const UnfinishedBackup&) = delete;

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  // Gives it the name of a backup, which is returned. It is durable once the lock of the folder was synced. After an
  // error, as where that name is taken, it has the name that it had.
  absl::StatusOr<std::string> Publish(const BackupHeader& header);

 private:
  UnfinishedBackup(std::string folder, std::string path, int fd)
      : folder_(std::move(folder)), path_(std::move(path)), fd_(fd) {}

  std::string folder_;
  std::string path_;
  int fd_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_FOLDER_H_
