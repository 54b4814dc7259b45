#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
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
  // The server says that there is none: it was deleted.
  kGone,
};

struct CollectedSession {
  std::string session_id;
  Collected outcome = Collected::kGone;
};

// Brings the sessions of a server into a backup. A session that an earlier file has, at the same revision, fence and
// time of last write, is taken from there; what is taken is checked as it is read. Not thread-safe.
class Collector {
 public:
  struct Options {
    // Without it every session is read; earlier files then serve for those alone that cannot be.
    bool reuse = true;
    // Waits before the server is asked again for a session whose reading ended early; an error ends the backup.
    std::function<absl::Status(absl::Duration)> wait;
  };

  Collector(client::Client& client, BackupWriter& writer, Options options)
      : client_(client), writer_(writer), options_(std::move(options)) {}

  // An earlier file; or, not `finished`, what there is of one, up to where it ends. The first ones are asked first.
  void AddSource(std::unique_ptr<BackupReader> earlier, bool finished);

  // The next session of a listing by id. An error ends the backup: the file cannot be written, which write_failed
  // tells, or the server would not answer for the next session either. What is of this moment, such as a connection
  // that is lost in the middle of a session, is tried again for a while.
  absl::StatusOr<Collected> Collect(const client::SessionSummary& session);

  // The first session, of those that an earlier file has and the listing has passed over, whose id comes before
  // `session_id` (nullopt: any), and what became of it: the server is asked for it, as a listing that is damaged may
  // hide it. nullopt: there is none left. To be called for each session before it is collected, and after the last.
  absl::StatusOr<std::optional<CollectedSession>> CollectUnlisted(const std::optional<std::string>& session_id);

  bool write_failed() const { return write_failed_; }

  // How many sessions of the finished file are gone from the server, and how many that file was read to have.
  std::uint64_t vanished() const { return vanished_; }
  std::uint64_t known() const;

  // How many bytes of values the server has sent.
  std::uint64_t bytes_read() const { return bytes_read_; }
  // Where a finished file is damaged.
  const std::vector<absl::Status>& source_errors() const { return source_errors_; }

 private:
  struct Source {
    std::unique_ptr<BackupReader> reader;
    bool finished = false;
    // The session that it has come to; nullopt: its end.
    std::optional<SessionStamp> at;
  };

  void Advance(Source& source);
  void Pass(const std::string& session_id);
  absl::StatusOr<Collected> TakeOverOrRead(const client::SessionSummary& session);
  void PassDamage(Source& source, const absl::Status& damage);
  absl::StatusOr<bool> TakeOver(Source& source, bool kept);
  absl::StatusOr<Collected> ReadOrKeep(const client::SessionSummary& session);
  absl::StatusOr<Collected> Keep(const std::string& session_id);
  absl::Status Read(const client::SessionSummary& session);
  absl::Status ReadOnce(const client::SessionSummary& session);
  // The same status, after a note that it is the file's.
  absl::Status Written(absl::Status status);

  client::Client& client_;
  BackupWriter& writer_;
  const Options options_;
  bool write_failed_ = false;
  std::vector<Source> sources_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t vanished_ = 0;
  std::vector<absl::Status> source_errors_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_
