#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/backup/backup_reader.h"
#include "client/cli/backup/backup_writer.h"
#include "client/cpp/client.h"

namespace authstate::cli {

// What became of a session.
enum class Collected : std::uint8_t {
  // It was read from the server.
  kRead,
  // An earlier file has it as it still is.
  kTakenOver,
  // The server could not read it; an earlier file has it as it was.
  kKept,
  // The server could not read it, and no earlier file has it.
  kDamaged,
  // It was deleted since it was listed.
  kGone,
};

// Brings the sessions of a server into a backup. A session that an earlier file has, at the same revision, fence and
// time of last write, is taken from there; what is taken is checked as it is read. Not thread-safe.
class Collector {
 public:
  // Without `reuse` every session is read; earlier files then serve for those alone that cannot be.
  Collector(client::Client& client, BackupWriter& writer, bool reuse)
      : client_(client), writer_(writer), reuse_(reuse) {}

  // An earlier file; or, not `finished`, what there is of one, up to where it ends. The first ones are asked first.
  void AddSource(std::unique_ptr<BackupReader> earlier, bool finished);

  // The next session of a listing by id. An error ends the backup: the file cannot be written, which write_failed
  // tells, or the server would not answer for the next session either.
  absl::StatusOr<Collected> Collect(const client::SessionSummary& session);

  bool write_failed() const { return write_failed_; }

  // How many bytes of values the server has sent.
  std::uint64_t bytes_read() const { return bytes_read_; }
  // What ended the reading of a finished file before its end.
  const std::vector<absl::Status>& source_errors() const { return source_errors_; }

 private:
  struct Source {
    std::unique_ptr<BackupReader> reader;
    bool finished = false;
    // The session that it has come to; nullopt: its end.
    std::optional<SessionStamp> at;
  };

  void Advance(Source& source);
  void End(Source& source, const absl::Status& why);
  absl::StatusOr<bool> TakeOver(Source& source, bool kept);
  absl::StatusOr<Collected> Keep(const std::string& session_id);
  absl::Status Read(const client::SessionSummary& session);
  // The same status, after a note that it is the file's.
  absl::Status Written(absl::Status status);

  client::Client& client_;
  BackupWriter& writer_;
  const bool reuse_;
  bool write_failed_ = false;
  std::vector<Source> sources_;
  std::uint64_t bytes_read_ = 0;
  std::vector<absl::Status> source_errors_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_
