#ifndef AUTHSTATE_STORAGE_DECORATORS_BACKEND_SWITCH_H_
#define AUTHSTATE_STORAGE_DECORATORS_BACKEND_SWITCH_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/backend_targets.h"
#include "storage/counts/call_counts.h"
#include "storage/counts/statement_stats.h"
#include "storage/decorators/call_router.h"
#include "storage/moving/follower.h"
#include "storage/moving/session_comparison.h"

namespace authstate::storage {

// A Backend over several databases, of which one serves; the others have no connection and are asked nothing. A switch
// opens another one, compares what both keep while serving goes on, holds new calls for a moment, compares what has
// changed since, and lets the calls go on with the new one. The old one is closed when its last call and its last
// snapshot have ended. Where it syncs it makes the new one equal instead of refusing it, and may keep a target equal
// for as long as that is wanted, which then stays open.
//
// Thread-safe. No lock is held during a call; its price is two atomic operations and one allocation.
class BackendSwitch final : public Backend, public BackendTargets {
 public:
  struct TargetOptions {
    // Unique.
    std::string name;
    // Blocks; called from a thread of its own, or from Create.
    std::function<absl::StatusOr<std::unique_ptr<Backend>>()> open;
    // Copies the store that `open` opens (BackendTargets::Copy). Blocks; called from a thread of its own. Null: it is
    // not one file.
    std::function<absl::StatusOr<CopyReport>(const CopyRequest&)> copy;
    // What `open` hands to the driver. Not null.
    std::shared_ptr<StatementStats> stats = std::make_shared<StatementStats>();
    // What `open` hands to the decorators. Not null.
    std::shared_ptr<CallCounts> calls = std::make_shared<CallCounts>();
  };

  struct Options {
    std::vector<TargetOptions> targets;
    // Index of the target that serves first.
    std::size_t first = 0;
    // How long a target may lag behind: a session that differs for longer, without a change, does differ.
    absl::Duration lag_patience = absl::Seconds(1);
    // How long reading one session, or the list of sessions, may take.
    absl::Duration step_timeout = absl::Seconds(30);
    // The last step before a target serves in place of another, in the pause, and the last that may refuse it. Blocks;
    // null: there is none.
    std::function<absl::Status(const Description& from, const Description& to)> before_serving;
  };

  // Opens the first target; fails as its `open` does.
  static absl::StatusOr<std::unique_ptr<BackendSwitch>> Create(Options options);
  ~BackendSwitch() override;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override;
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override;
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override;
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override;
  void List(ListRequest request, absl::Time deadline, ListDone done) override;
  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override;
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override;
  void Ping(absl::Time deadline, PingDone done) override;
  Description Describe() const override;
  absl::Status CheckHolds(const Commit& commit) const override;

  std::vector<TargetState> ListTargets() const override;
  void Probe(ProbeDone done) override;
  void Switch(SwitchRequest request, std::function<bool()> cancelled, ProgressFn progress, SwitchDone done) override;
  void Sync(SyncRequest request, std::function<bool()> cancelled, ProgressFn progress, SyncDone done) override;
  void Copy(CopyRequest request, CopyDone done) override;
  void StopSwitching() override;

 private:
  struct Target;
  struct Attempt;
  struct Followed;

  BackendSwitch(Options options, std::unique_ptr<Backend> first);

  // Runs `task` on the one thread for such work; false when it is busy or stopped.
  bool StartTask(std::function<void()> task);
  void EndTask();

  std::function<bool()> OrStopping(std::function<bool()> cancelled) const;
  // Finds out what serves, and opens the target.
  absl::Status Begin(const std::string& name, Attempt& attempt);
  absl::Status RunSwitch(const SwitchRequest& request, Attempt& attempt, SwitchReport* report);
  absl::Status RunSync(const SyncRequest& request, Attempt& attempt, SyncReport* report);
  absl::StatusOr<CopyReport> RunCopy(CopyRequest request);
  absl::Status OpenIfClosed(Target& target, bool* opened);
  absl::Status CheckMayCopy(const Attempt& attempt) const;
  // Rounds while serving goes on, until little is left to read.
  absl::Status CompareWhileServing(Attempt& attempt, SessionComparison& comparison, int max_rounds);
  // Holds the calls and compares what is left; serves from the target, or from the old one again, when it returns.
  absl::Status SwitchInPause(const SwitchRequest& request, Attempt& attempt, SessionComparison& comparison,
                             SwitchReport* report);
  absl::Status CompareInPause(const SwitchRequest& request, Attempt& attempt, SessionComparison& comparison,
                              absl::Time deadline);
  Followed StopFollowing();
  void Follow(Target& target, std::unique_ptr<SessionComparison> rounds);
  // Blocks for `duration`, or until switching is stopped.
  void Wait(absl::Duration duration);
  // Closes a target that does not serve, once nobody uses it: in the background.
  static void CloseInBackground(Target& target);
  // Nor is followed. Null: does nothing.
  void CloseUnlessNeeded(Target* target);

  const Options options_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::unique_ptr<CallRouter> router_;

  mutable absl::Mutex mutex_;
  Target* serving_ ABSL_GUARDED_BY(mutex_);
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread task_ ABSL_GUARDED_BY(mutex_);
  // Null: no target is kept equal. Only the one thread that switches changes these.
  std::shared_ptr<Follower> follower_ ABSL_GUARDED_BY(mutex_);
  Target* followed_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_BACKEND_SWITCH_H_
