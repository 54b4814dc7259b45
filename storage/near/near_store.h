#ifndef AUTHSTATE_STORAGE_NEAR_NEAR_STORE_H_
#define AUTHSTATE_STORAGE_NEAR_NEAR_STORE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/backend.h"

namespace authstate::storage {

// A session of the far store that a near store has, or had.
struct Home {
  enum class State : std::uint8_t {
    // It is served here.
    kHome = 1,
    // The far store may have got it back.
    kLeaving = 2,
    // It is served elsewhere, or nowhere, and there is a copy here.
    kAway = 3,
    // The far store was asked for it, or is about to be; it is not served here. Its lease is the one that goes on if it
    // comes, and is given back if it came and nobody waits for it any more.
    kTaking = 4,
  };

  std::string session_id;
  State state = State::kHome;
  // In the far store: of the home, also of one that was asked for; for kAway that with which the far store got it back.
  std::uint64_t far_fence = 0;
  // The number of the last flush under that fence, and the revision that it took the far store to.
  std::uint64_t far_number = 0;
  std::uint64_t flushed_revision = 0;
  // The revision and the lease of the session as they are in the near store.
  std::uint64_t revision = 0;
  Lease lease;
  // Since when something is not flushed; InfiniteFuture: nothing was written since the last flush. About how many bytes
  // that is.
  absl::Time dirty_since = absl::InfiniteFuture();
  std::uint64_t dirty_bytes = 0;
  // For kAway and kTaking: since when it is that; InfinitePast: not known, and long ago.
  absl::Time since = absl::InfinitePast();
  // For kAway: LeaseResult::update_time of the far store for what the copy has; InfinitePast: not known.
  absl::Time far_update_time = absl::InfinitePast();
  // What is known of it is not what was written: of this nothing but the id is to be believed.
  bool damaged = false;
};

// What of a session is not in the far store yet, all of one moment.
struct UnflushedChanges {
  Home home;
  // The highest Commit::number applied under its lease.
  std::uint64_t applied_number = 0;
  // Whether anything is.
  bool any = false;
  // Whether it can no longer be told what changed: then the commit is of everything.
  bool damaged = false;
  // The commit that takes the far store there, but for fence and number.
  Commit commit;
};

// A step of a session's way between the stores, durable when it is answered.
struct HomeChange {
  enum class Step : std::uint8_t {
    // kTaking, under `home.far_fence`, from `home.lease`, under which `applied_number` was applied. The copy is kept if
    // that is wanted, and it is of that lease, that number, `home.revision` and `home.far_update_time`; else it is
    // forgotten, and has to be filled.
    kTake,
    // Adds `commit`, which names the fence of the lease, to the copy.
    kFill,
    // From kTaking under `home.far_fence` to kHome: with `home.far_number`, `home.revision` and `home.lease`, under
    // which `applied_number` was applied; and `recent`, where it was filled. FailedPrecondition where it was not
    // filled and the copy is not kept, or not of that revision and `home.far_update_time`.
    kArrive,
    // The far store is at `home.flushed_revision`, by the flush of the number `home.far_number`. FailedPrecondition
    // unless the home is under `home.far_fence`.
    kFlushed,
    // The far store lost what it had: the next flush, under `home.far_fence` after `home.far_number`, is of everything.
    // kHome, also where it was leaving.
    kStartOver,
    // kLeaving, back to kHome, and kAway with `home.far_fence` and `home.far_update_time`. FailedPrecondition for one
    // to leave with something that is not flushed.
    kLeave,
    kStay,
    kLeft,
    // Another has taken the session. What is not flushed is put aside as an orphan, and the copy forgotten.
    kLose,
    // From kAway or kTaking to nothing: the copy goes. FailedPrecondition for a home.
    kForget,
  };

  Step step = Step::kTake;
  Home home;
  // The session that steps.
  std::string session_id;
  std::uint64_t applied_number = 0;
  bool keeps_copy = false;
  bool filled = false;
  std::optional<RecentCommits> recent;
  Commit commit;
  // For kLose: who has taken it.
  std::string taken_by;
};

// A store of sessions that belong to another, the far store: a Backend for those that are at home in it, which
// remembers of each what changed since it was last flushed, in the transaction of the change.
class NearStore : public Backend {
 public:
  using ChangeDone = absl::AnyInvocable<void(std::vector<absl::Status>) &&>;
  using UnflushedDone = absl::AnyInvocable<void(std::vector<absl::StatusOr<UnflushedChanges>>) &&>;
  using CountDone = absl::AnyInvocable<void(absl::StatusOr<std::uint64_t>) &&>;
  using HomesDone = absl::AnyInvocable<void(absl::StatusOr<std::vector<Home>>) &&>;

  // Made with the store.
  virtual const std::string& id() const = 0;
  // Empty until it is set, which is once.
  virtual std::string far_id() const = 0;

  // Takes the steps, in their order; result i is that of step i.
  virtual void Change(std::vector<HomeChange> changes, absl::Time deadline, ChangeDone done) = 0;
  // Blocks.
  virtual absl::Status SetFarId(const std::string& far_id) = 0;
  // The layout that the far store (Description::layout) had when it was last reached; empty: not known.
  virtual std::string far_layout() const = 0;
  // Blocks.
  virtual absl::Status SetFarLayout(const std::string& layout) = 0;
  // Keeps the grants of the far store, as it has listed them, for when that is away: Grants then lists these.
  virtual void KeepGrants(GrantResult listed, absl::Time deadline, PingDone done) = 0;

  // Reads the first sessions: as many as have `max_bytes` together, at least one; result i is that of session i.
  virtual void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                             UnflushedDone done) = 0;
  // What it knows of all sessions; also of one of which it has content, and no longer knows whether it is at home.
  virtual void ReadHomes(absl::Time deadline, HomesDone done) = 0;
  // The homes of the first `limit` sessions after that id that are kAway or kTaking, in the order of their ids.
  virtual void ReadCopies(std::string after, std::size_t limit, absl::Time deadline, HomesDone done) = 0;
  // Counts what was put aside (kLose).
  virtual void CountOrphans(absl::Time deadline, CountDone done) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_NEAR_NEAR_STORE_H_
