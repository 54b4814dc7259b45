#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_

#include <cstdint>
#include <deque>
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
    // The next finished file of the same store that is older than those there are; nullptr: there is none. Asked where
    // a finished one is damaged, for the sessions that are lost with that.
    std::function<std::unique_ptr<BackupReader>()> older;
  };

  Collector(client::Client& client, BackupWriter& writer, Options options)
      : client_(client), writer_(writer), options_(std::move(options)) {}

  // An earlier file; or, not `finished`, what there is of one, up to where it ends. The first ones are asked first. At
  // most one is finished.
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

  // How many sessions of the finished file are gone from the server, and how many that file was read to have; those
  // that it has lost are not counted.
  std::uint64_t vanished() const { return vanished_; }
  std::uint64_t known() const;

  // Ids of the sessions that have their home on another server: they were read as that one had flushed them last, and
  // their fence is not known.
  const std::vector<std::string>& at_home() const { return at_home_; }

  // How many bytes of values the server has sent.
  std::uint64_t bytes_read() const { return bytes_read_; }
  // Where a finished file is damaged. Sessions that are lost with that, and that the server does not list, are asked
  // for as far as older files know them.
  const std::vector<absl::Status>& source_errors() const { return source_errors_; }

 private:
  struct Source {
    std::unique_ptr<BackupReader> reader;
    bool finished = false;
    // The one that this one stands for, with the sessions that are lost there; nullptr: it stands for itself, with all
    // of its own.
    const Source* newer = nullptr;
    // The session that it has come to; nullopt: its end.
    std::optional<SessionStamp> at;
    // Where the ids are of the sessions that are lost with its damage.
    std::vector<IdRange> lost;
  };

  // The session that it has come to, if it stands for that one.
  static const SessionStamp* Offer(const Source& source);
  static bool IsFirstFinished(const Source& source) { return source.finished && source.newer == nullptr; }
  void Advance(Source& source);
  void Pass(const client::SessionSummary& session, Collected outcome);
  absl::StatusOr<Collected> TakeOverOrRead(const client::SessionSummary& session);
  void PassDamage(Source& source, const absl::Status& damage);
  void AddOlder(const Source& damaged);
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
  // Keeps its elements where they are, for `newer`.
  std::deque<Source> sources_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t vanished_ = 0;
  std::vector<absl::Status> source_errors_;
  std::vector<std::string> at_home_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_COLLECTOR_H_
