#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_READER_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_READER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/backup/backup_writer.h"
#include "client/cli/backup/record_file.h"
#include "client/cli/backup/session_sum.h"
#include "client/cli/folder/folder.h"

namespace authstate::cli {

// Reads a backup, session by session in the order of their ids, and checks all that it reads. Has a part of a session
// in memory at a time. Errors are those of RecordReader; after one there is nothing more to be read. Not thread-safe.
class BackupReader {
 public:
  static absl::StatusOr<std::unique_ptr<BackupReader>> Open(const std::string& path, const Keyring& keyring);

  const BackupHeader& header() const { return file_->header(); }

  // The next session, past what is left of the one before, which is checked too. nullopt: the file is at its end, and
  // whole.
  absl::StatusOr<std::optional<SessionStamp>> NextSession();

  // The next values of that session. nullopt: those were all, and they are what was written.
  absl::StatusOr<std::optional<SessionPart>> NextPart();

  // What has been read to its end.
  const BackupTotals& totals() const { return totals_; }

 private:
  explicit BackupReader(std::string path, std::unique_ptr<RecordReader> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Damaged(absl::string_view what) const;
  absl::Status CheckFooter(const backup::v1::Footer& footer) const;
  absl::Status CheckEnd(const backup::v1::SessionEnd& end);

  const std::string path_;
  const std::unique_ptr<RecordReader> file_;
  // The session that has started.
  std::string id_;
  // Set while it has not ended.
  std::optional<SessionSum> sum_;
  BackupTotals totals_;
};

// All of the session that `reader` has started; its keys in the order of their names.
absl::StatusOr<Folder> ReadWholeSession(BackupReader& reader);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_READER_H_
