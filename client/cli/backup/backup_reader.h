#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_READER_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_READER_H_

#include <cstdint>
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

// Ids of sessions, from `from` and up to before `until`; nullopt: to the last there may be.
struct IdRange {
  std::string from;
  std::optional<std::string> until;
  // Whether it is that of one session and of no other.
  bool exact = false;

  static IdRange All() { return {}; }
  static IdRange Of(const std::string& session_id) { return {session_id, After(session_id), true}; }
  static IdRange WithPrefix(const std::string& prefix);
  // The first id that may follow `session_id`.
  static std::string After(std::string session_id) { return session_id.append(1, '\0'); }

  bool Has(absl::string_view session_id) const {
    return session_id >= from && (!until.has_value() || session_id < *until);
  }
  bool Meets(const IdRange& other) const {
    return (!until.has_value() || other.from < *until) && (!other.until.has_value() || from < *other.until);
  }
};

// Reads a backup, session by session in the order of their ids, and checks all that it reads. Has a part of a session
// in memory at a time. Errors are those of RecordReader; after one there is nothing more to be read, unless by
// SkipDamage. Not thread-safe.
class BackupReader {
 public:
  static absl::StatusOr<std::unique_ptr<BackupReader>> Open(const std::string& path, const Keyring& keyring);

  const BackupHeader& header() const { return file_->header(); }

  // The next session, past what is left of the one before, which is checked too. nullopt: the file is at its end, and
  // whole.
  absl::StatusOr<std::optional<SessionStamp>> NextSession();

  // The next values of that session. nullopt: those were all, and they are what was written.
  absl::StatusOr<std::optional<SessionPart>> NextPart();

  // After an error: the next session whose beginning can be found, as NextSession would give it; nullopt: there is
  // none. `lost` becomes where the ids are of those that cannot be read. From then on the end of the file does not tell
  // whether it is whole.
  std::optional<SessionStamp> SkipDamage(IdRange* lost);

  // What has been read to its end.
  const BackupTotals& totals() const { return totals_; }

 private:
  explicit BackupReader(std::string path, std::unique_ptr<RecordReader> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Damaged(absl::string_view what) const;
  absl::StatusOr<UnsealedRecord> Next();
  // Begins a session. nullopt where it does not follow the one before.
  std::optional<SessionStamp> Begin(backup::v1::SessionStart& start);
  absl::Status CheckFooter(const backup::v1::Footer& footer) const;
  absl::Status CheckEnd(const backup::v1::SessionEnd& end);

  const std::string path_;
  const std::unique_ptr<RecordReader> file_;
  // The session that has started.
  std::string id_;
  // Set while it has not ended.
  std::optional<SessionSum> sum_;
  BackupTotals totals_;
  // How many records did not open.
  std::uint64_t unopened_ = 0;
  bool skipped_ = false;
};

// All of the session that `reader` has started; its keys in the order of their names.
absl::StatusOr<Folder> ReadWholeSession(BackupReader& reader);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_READER_H_
