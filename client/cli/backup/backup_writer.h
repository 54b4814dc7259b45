#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_WRITER_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/backup/record_file.h"
#include "client/cli/backup/session_sum.h"
#include "client/cpp/types.h"
#include "contract/value.h"

namespace authstate::cli {

// Which session a backup has, and as of when.
struct SessionStamp {
  std::string session_id;
  // The session's revision in the snapshot that was saved.
  std::uint64_t revision = 0;
  // The fence of its lease, listed just before the snapshot was opened.
  std::uint64_t fence = 0;
  // When it was last written, by the clock of its database, to the microsecond.
  absl::Time update_time;
  // Taken from an earlier backup, as the session could not be read any more.
  bool kept = false;
  // It had its home on another server, and the fence is not known.
  bool at_home = false;
};

// Some of a session's values, in the order of its snapshot.
struct SessionPart {
  std::optional<Value> creds;
  std::vector<client::KeyEntry> keys;
  // The record that the part was read from; empty: none.
  std::string packed;
};

struct BackupTotals {
  std::uint64_t sessions = 0;
  std::uint64_t keys = 0;
  std::uint64_t value_bytes = 0;

  friend bool operator==(const BackupTotals& a, const BackupTotals& b) {
    return a.sessions == b.sessions && a.keys == b.keys && a.value_bytes == b.value_bytes;
  }
};

// Writes a backup, session by session in the order of their ids. Has a part of a session in memory at a time. Errors
// are those of RecordWriter. Not thread-safe.
class BackupWriter {
 public:
  explicit BackupWriter(std::unique_ptr<RecordWriter> file) : file_(std::move(file)) {}

  // Internal when the session does not come after the one before.
  absl::Status Start(const SessionStamp& stamp);
  absl::Status Add(SessionPart part);
  absl::Status End();
  // Takes back the session that has started and not ended; there may be none.
  absl::Status Abandon();

  // Writes the end; the file then is durable, and complete.
  absl::Status Finish();

  const BackupTotals& totals() const { return totals_; }

 private:
  const std::unique_ptr<RecordWriter> file_;
  // The last session that has ended; empty: none.
  std::string last_id_;
  // The session that has started.
  std::string id_;
  std::optional<SessionSum> sum_;
  RecordWriter::Mark start_;
  BackupTotals totals_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_WRITER_H_
