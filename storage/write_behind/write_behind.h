#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_WRITE_BEHIND_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_WRITE_BEHIND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"
#include "storage/near/near_store.h"
#include "storage/near/write_behind_state.h"

// A near store, which acknowledges, before a far one, which follows. A session that somebody has a lease of is at home
// in the near store: everything of it happens there, and the flusher takes the far store after it. Every other session
// is served by the far store, as if this were not there.
//
// What is promised, and why it holds:
//
//   1. Never two owners that write. The home is a lease of the far store, without an end, so nobody else writes the
//      session there. Here it is served only between two moments that are durable in the near store: kArrive, which
//      follows the far store's consent, and kLeave, which comes before it is asked to take the session back. In between
//      only a steal ends the home, which the far store tells with the next flush, or when it is looked at.
//   2. Nothing acknowledged is lost, but by the loss of the near file, or a steal; and then it is an orphan. What a
//      commit changed is remembered in the transaction of the commit, and forgotten when a later revision is known to
//      be flushed. The far store takes a session back only if it has every flush: it may have gone back to an earlier
//      moment, as a standby does that was promoted too early, and then the session is flushed whole.
//   3. Moments never go backwards. A flush is read from one moment of the near store, and carries its revision over.
//      The next one begins when it is answered. Each has the next number under the home's fence, so that one whose
//      outcome is in doubt is sent again as the same number: if the first one was applied, the answer has the revision
//      of that, and what is of later revisions stays to be flushed.
//   4. Fences never go back. A home's fence is ahead of the last one by more than kFencesOfAHome
//      (storage/lease.h); the near store goes on from the last one itself, and gives its own; with the session the far
//      store gets the lease as it then is, owner, fence and numbers. So a pool that goes to another server is still the
//      owner there, and a fence of the near store is never that of the home, under which the flusher commits. No two
//      homes have the same fence (NextHomeFence), so what one of them has asked for and comes late does nothing to the
//      next. Revisions go on by one a commit; where a session is stolen they leap past all that its home may have given
//      (kRevisionsOfAHome), so that none is given twice.
//   5. What was claimed and did not come is given back to whom it was taken from: that is written down before the far
//      store is asked (kTake). An owner that acquires again has what it had; where nobody asks, what the far store says
//      is at home here, and is not, is given back (Sweep).
//   6. A session that may have left is not served until the far store says where it is. None begins to leave while that
//      does not answer.
//   7. A copy is used only if the near store finds it whole, and of the lease, the revision and the time of the last
//      commit that the far store has, in the transaction that makes it a home. The time tells a commit from another one
//      of its revision, which a far store that has gone back may apply under the same lease.
//
// A crash between any two steps leaves: a home without a copy (5); a copy that is not whole, which kArrive has not made
// a home (7); a home, served at once (1); a session that is leaving (6).
namespace authstate::storage {

struct WriteBehindOptions {
  // Opens the far store; Unavailable while it cannot be reached. Blocks.
  std::function<absl::StatusOr<std::unique_ptr<Backend>>()> open_far;
  // What others are told to go to, `host:port`; empty: nothing.
  std::string advertise;
  // How much may be acknowledged and not be flushed, and since when; commits wait then, and fail at their deadline with
  // ResourceExhausted, reason kWriteBehindFull.
  std::uint64_t max_bytes = std::uint64_t{256} << 20;
  absl::Duration max_age = absl::Hours(1);
  // How long the end may take, in which everything is flushed and given back.
  absl::Duration stop_timeout = absl::Seconds(10);
  // When the end is to have ended, where that is known once it begins, in place of `stop_timeout`; null: it never is.
  std::function<std::optional<absl::Time>()> stop_by;
  // How long one call to a store may take.
  absl::Duration step_timeout = absl::Seconds(30);
  // How long a copy of a session that was given back is kept at most, and how often some are looked at.
  absl::Duration copy_life = absl::Hours(24);
  absl::Duration look_at_copies = absl::Seconds(10);
  // Backend::CheckHolds of a far store of that layout (Description::layout), for as long as that was not reached; null:
  // everything holds.
  std::function<absl::Status(absl::string_view layout, const Commit& commit)> check_holds;
  // Ends calls on time. Not null.
  std::shared_ptr<DeadlineTimer> timer;
  // Threads that bring sessions home, each one at a time.
  int claims = 4;
  // Told what operators should know.
  std::function<void(const std::string& line)> log = [](const std::string& /*line*/) {};
};

// Both stores as one.
class WriteBehindTier : public Backend {
 public:
  // Asks no store. Thread-safe.
  virtual WriteBehindState State() const = 0;
};

// What a switch of the far store asks before the target serves (BackendSwitch::Options::before_serving): gives the near
// store the id of the target. FailedPrecondition, reason kNearStoreMismatch, for a target that a near store cannot
// stand before, or that has another layout: what is acknowledged and not flushed was checked against that of `from`.
// Blocks.
absl::Status MoveBefore(NearStore& near, const Description& from, const Description& to);

// Fails as `open_far` does, but where that is Unavailable and the near store has been before that far store already:
// then it serves what is at home. FailedPrecondition, reason kNearStoreMismatch, where it was before another one;
// kHomesLost where the far store knows sessions at home in a file of this address that is another one; or, where
// neither has an address, in any other one, if this file is new.
//
// Its end flushes and gives back what it can, and tells what it could not. Nobody calls it any more then.
absl::StatusOr<std::unique_ptr<WriteBehindTier>> OpenWriteBehind(std::unique_ptr<NearStore> near,
                                                                 WriteBehindOptions options);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_WRITE_BEHIND_H_
