#ifndef AUTHSTATE_STORAGE_BACKEND_TARGETS_H_
#define AUTHSTATE_STORAGE_BACKEND_TARGETS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/counts/call_counts.h"
#include "storage/counts/statement_stats.h"

// Several configured databases, of which one serves: what operators see of them, and how they choose another one, or
// copy it.
namespace authstate::storage {

// How far a target is behind that is kept equal to the one that serves.
struct FollowState {
  absl::Time since;
  // All that was written before this is there, but for the sessions that differ; unset until the first round is over.
  std::optional<absl::Time> equal_time;
  // How many differed in the last round.
  std::size_t differing_sessions = 0;
  // Why the last round failed; empty when it did not.
  std::string error;
};

struct TargetState {
  // The name in the configuration: `timeweb`, `supabase`, `sqlite`.
  std::string name;
  bool serving = false;
  // When it last began to serve; unset when it does not.
  std::optional<absl::Time> serving_since;
  // As it was when last open; unset when it never was.
  std::optional<Description> description;
  StatementStats::Summary stats;
  // The same, whatever serves. Not null, but in tests.
  std::shared_ptr<const StatementStats> statements;
  std::shared_ptr<const CallCounts> calls;
  // Unset when it is not kept equal.
  std::optional<FollowState> following;
};

struct SwitchRequest {
  std::string target;
  // Switches without comparing data, and also when calls under way on the old database do not end within `max_pause`.
  // What does not open, or has a schema that is not known, is never switched to.
  bool force = false;
  // Calls are held for no longer than this, but for the step under way when it passes, which is cut off then.
  absl::Duration max_pause = absl::Seconds(1);
  // Makes the sessions of the target those of the one that serves, before and within the pause. Not with `force`.
  bool sync = false;
  // With `sync`: also sessions that are newer on the target (storage/moving/session_copy.h).
  bool overwrite = false;
  // Keeps the one that served equal to the target from then on.
  bool follow = false;
};

struct SyncRequest {
  enum class Mode : std::uint8_t {
    kSync,
    // Tells what that would do, and writes nothing.
    kDryRun,
    // Compares until what changes meanwhile is compared too.
    kVerify,
  };
  std::string target;
  Mode mode = Mode::kSync;
  bool overwrite = false;
  // With kSync: keeps the target equal from then on, until the next sync or switch that succeeds.
  bool follow = false;
  // The most that is read of the one that serves; 0: no bound.
  std::uint64_t max_bytes_per_second = 0;
};

// How far a switch is.
struct SwitchProgress {
  enum class Phase : std::uint8_t { kOpening, kComparing, kPaused, kSwitched };
  Phase phase = Phase::kOpening;
  // While comparing: the round, from 1 on, and sessions of this round.
  int round = 0;
  std::size_t compared = 0;
  std::size_t total = 0;
};

struct SessionDifference {
  std::string session_id;
  // For people: `creds differ`, `12 keys here, 11 there`.
  std::string what;
};

struct SwitchReport {
  // What served before.
  std::string from;
  // For how long calls were held; zero when it did not come to that.
  absl::Duration pause;
  // Sessions found equal.
  std::size_t sessions_compared = 0;
  // Sessions that are equal in what they keep, at another revision: whoever names an `expected_revision` from before
  // may be refused, or, with a lower one, be let in wrongly.
  std::size_t other_revisions = 0;
  // At most kMaxNamedDifferences of them.
  std::vector<SessionDifference> differences;
  std::size_t differing_sessions = 0;
  // How many times a session was made equal.
  std::size_t copies = 0;
};

struct SyncReport {
  // What serves.
  std::string from;
  // How many sessions were found equal, or made so.
  std::size_t equal_sessions = 0;
  std::size_t copies = 0;
  std::uint64_t bytes_read = 0;
  std::size_t differing_sessions = 0;
  // Those of them that kSync does not make equal.
  std::size_t refused_sessions = 0;
  // At most kMaxNamedDifferences: first those that are refused.
  std::vector<SessionDifference> differences;
};

// How far a copy is.
struct CopyProgress {
  std::uint64_t copied_bytes = 0;
  std::uint64_t total_bytes = 0;
  // Whether all are copied, and are being read back.
  bool checking = false;
};

struct CopyRequest {
  // The name of the file to be made, without its folder.
  std::string name;
  // Asked now and then: true gives the copy up.
  std::function<bool()> cancelled;
  std::function<void(const CopyProgress&)> progress;
  // Whether the store that serves is still where it was when it was opened; filled in by the BackendTargets.
  std::function<absl::Status()> in_place;
};

struct CopyReport {
  // The file, from the root on.
  std::string path;
  std::uint64_t bytes = 0;
  // All that was acknowledged before this is in it.
  absl::Time time;
};

inline constexpr std::size_t kMaxNamedDifferences = 20;

// Reasons (storage/error.h) of a switch that did not take place.
inline constexpr absl::string_view kUnknownTarget = "UNKNOWN_TARGET";
inline constexpr absl::string_view kTargetServes = "TARGET_SERVES";
inline constexpr absl::string_view kSwitchUnderWay = "SWITCH_UNDER_WAY";
inline constexpr absl::string_view kTargetNotOpened = "TARGET_NOT_OPENED";
inline constexpr absl::string_view kTargetDiffers = "TARGET_DIFFERS";
inline constexpr absl::string_view kNotCompared = "NOT_COMPARED";
inline constexpr absl::string_view kPauseTooLong = "PAUSE_TOO_LONG";
inline constexpr absl::string_view kSwitchCancelled = "SWITCH_CANCELLED";
inline constexpr absl::string_view kSameDatabase = "SAME_DATABASE";

// Reasons of a copy that was not made.
inline constexpr absl::string_view kNotAFile = "NOT_A_FILE";
inline constexpr absl::string_view kNoCopyFolder = "NO_COPY_FOLDER";
inline constexpr absl::string_view kCopyExists = "COPY_EXISTS";
inline constexpr absl::string_view kCopyNotWritten = "COPY_NOT_WRITTEN";
inline constexpr absl::string_view kCopyCancelled = "COPY_CANCELLED";

// Thread-safe.
class BackendTargets {
 public:
  using ProgressFn = std::function<void(const SwitchProgress&)>;
  using SwitchDone = absl::AnyInvocable<void(absl::Status, SwitchReport) &&>;
  using SyncDone = absl::AnyInvocable<void(absl::Status, SyncReport) &&>;
  using CopyDone = absl::AnyInvocable<void(absl::StatusOr<CopyReport>) &&>;
  using ProbeDone = absl::AnyInvocable<void(std::map<std::string, absl::Status>) &&>;

  virtual ~BackendTargets() = default;

  // In the order of the configuration. Asks no database.
  virtual std::vector<TargetState> ListTargets() const = 0;

  // Whether the targets that do not serve could: each is opened, as a switch or a start would (so an empty database
  // gets its tables), and closed again. Returns at once; `done` has an entry for each of them. Aborted entries
  // (SWITCH_UNDER_WAY) while a switch or another probe is under way. `done` must not call Probe or Switch.
  virtual void Probe(ProbeDone done) = 0;

  // Switches to another target. Returns at once; `progress` and then, once, `done` are called from a thread of the
  // implementation and must not block, nor call Probe or Switch. `cancelled` is asked now and then: true gives the
  // switch up, unless it has taken place. The report of a failed switch says how far it came. Whatever fails, the old
  // target goes on serving, and no call was lost or applied twice. Fails with
  //   NotFound            UNKNOWN_TARGET
  //   FailedPrecondition  TARGET_SERVES, TARGET_DIFFERS (the report names sessions)
  //   Aborted             SWITCH_UNDER_WAY: another one is
  //   Unavailable         TARGET_NOT_OPENED; NOT_COMPARED: one of the two could not be read; PAUSE_TOO_LONG
  //   Cancelled           SWITCH_CANCELLED
  // With `sync` also with SAME_DATABASE (FailedPrecondition).
  virtual void Switch(SwitchRequest request, std::function<bool()> cancelled, ProgressFn progress, SwitchDone done) = 0;

  // Makes the sessions of a target those of the one that serves, or only compares them. As Switch, and never fails with
  // PAUSE_TOO_LONG; TARGET_DIFFERS of a kSync means that some were refused, and all others made equal.
  virtual void Sync(SyncRequest request, std::function<bool()> cancelled, ProgressFn progress, SyncDone done) = 0;

  // Copies the store that serves into a new file, while it serves; there is no switch meanwhile. Returns at once, and
  // calls back as Switch does. Fails with
  //   FailedPrecondition  NOT_A_FILE: the store is no file, or not all of it; NO_COPY_FOLDER
  //   AlreadyExists       COPY_EXISTS
  //   ResourceExhausted   DISK_FULL
  //   Aborted             SWITCH_UNDER_WAY: so is a switch, a sync, a probe or another copy
  //   Unavailable         DATABASE_MOVED, COPY_NOT_WRITTEN
  //   DataLoss            CORRUPT_VALUE: what was copied is not sound
  //   Cancelled           COPY_CANCELLED
  // and then leaves nothing.
  virtual void Copy(CopyRequest request, CopyDone done) = 0;

  // Gives up the switch, sync or copy under way, and the following, if any, and refuses others from now on.
  virtual void StopSwitching() = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_BACKEND_TARGETS_H_
