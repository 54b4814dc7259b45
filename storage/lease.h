#ifndef AUTHSTATE_STORAGE_LEASE_H_
#define AUTHSTATE_STORAGE_LEASE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/recent_commits.h"

// Who may change a session. Plain data, and the rules that every backend follows; a driver that applies them in SQL
// says so there.
//
// The fence counts the changes of owner, to nobody included. It only grows and outlives the session. A lease that has
// expired still is its owner's until somebody takes it or writes past it: both change the owner, and so the fence. So
// an equal fence proves that nobody else has changed the session, whatever any clock says.
//
// Where another store serves a session for a while (storage/write_behind/), the lease here is that store's, and has no
// end. Its fence is ahead of the one before by as many as that store may need for owners of its own, kFencesOfAHome, so
// that none of theirs is ever current here, and whoever takes the session from it is ahead of all of them. When it
// gives the session back, the fence goes to where the owners of its own have come to, which is less: kPass alone does
// that. So of the fences that clients see, each is greater than all before it, whichever store gave it.
//
// That store may have given revisions that it did not bring here. Where it loses the lease without having passed it on,
// as to a thief, the session's revision leaps ahead of all of them, by kRevisionsOfAHome: so none of them is ever that
// of another content, and a commit that expects one of them is refused.
namespace authstate::storage {

// How owners are named that are stores. No client may be named so.
inline constexpr absl::string_view kHomeOwnerPrefix = "home:";

inline constexpr std::uint64_t kFencesOfAHome = std::uint64_t{1} << 32U;

// More than a store can apply before it has to bring them here.
inline constexpr std::uint64_t kRevisionsOfAHome = std::uint64_t{1} << 32U;

// The length of a lease that does not end by itself: a thousand years, which every database can tell.
inline constexpr absl::Duration kEndlessLease = absl::Hours(24 * 365 * 1'000);

// How long a lease that was live when maintenance began lives on at least when that ends.
inline constexpr absl::Duration kLeaseAfterMaintenance = absl::Minutes(1);

// A session's lease at one moment. Default: never had one.
struct Lease {
  // Empty: nobody's.
  std::string owner;
  std::uint64_t fence = 0;
  // By the clock of the database; InfinitePast when nobody has it.
  absl::Time expire_time = absl::InfinitePast();
  // `expire_time` less the time of the database at that moment; negative when it has expired.
  absl::Duration remaining = -absl::InfiniteDuration();

  bool held() const { return !owner.empty(); }
  bool live() const { return held() && remaining > absl::ZeroDuration(); }
  // Whether another store has the session.
  bool at_home() const;
};

struct LeaseRequest {
  enum class Action : std::uint8_t {
    // Tells the lease; never fails for what it finds.
    kGet,
    // Gives `owner` the lease for `ttl`, under a new fence unless it has the lease already. LeaseHeld when another
    // owner has a live one, unless `steal`.
    kAcquire,
    // Lets the lease under `fence` end `ttl` from now, also when it has expired. StaleFence when it is not the current
    // one.
    kRenew,
    // Makes the session nobody's. StaleFence when `fence` is not the current one.
    kRelease,
    // Lets the lease under `fence` become that of `owner`, or nobody's where that is empty, for `ttl` from now, which
    // may be negative, under the fence `next_fence`. What has been applied under the one fence counts under the other.
    // StaleFence when `fence` is not the current one, NumberGap when not `expected_number` is the highest one applied
    // under it.
    kPass,
  };

  std::string session_id;
  Action action = Action::kGet;
  // Who gets the lease. For kAcquire it is not empty; for kPass empty means nobody.
  std::string owner;
  absl::Duration ttl;
  bool steal = false;
  // The fence that the caller takes for the current one, for kRenew, kRelease and kPass.
  std::uint64_t fence = 0;
  // For kAcquire: how far a new fence is ahead of the one before.
  std::uint64_t fence_step = 1;
  // For kPass. It is up to the owner that no fence is given twice.
  std::uint64_t next_fence = 0;
  // For kPass: the highest number applied under the next fence; nullopt: that of the one before.
  std::optional<std::uint64_t> applied_number;
  // For kPass, if it matters. A store that has gone back to an earlier moment does not have all that it acknowledged.
  std::optional<std::uint64_t> expected_number;
  // Whether to wait for the lock of the session's row (Commit::wait_for_lock).
  bool wait_for_lock = true;
};

struct LeaseResult {
  // The lease as it is after the request.
  Lease lease;
  // The session's revision at that moment.
  std::uint64_t revision = 0;
  // The highest Commit::number applied under the lease's fence.
  std::uint64_t applied_number = 0;
  // The commits that are remembered by their ids (storage/backend.h); a session that was deleted has them too.
  RecentCommits recent;
  // When the last of all commits was, by the clock of the database; of no meaning at revision 0, and where others write
  // beside the server.
  absl::Time update_time = absl::UnixEpoch();
};

// Turns what is so before `request` into what is so after it, at time `now`; or tells why that is refused, and then
// nothing has changed.
absl::Status Advance(const LeaseRequest& request, absl::Time now, LeaseResult* session);

// How long the lease lives on, at least, when maintenance ends that began at `since`: for its owner time has stood
// still. Nobody writes meanwhile, so that no renewal is: whoever asks for one is told no more than this. nullopt: it
// was not live then, or is a store's, which has no end.
std::optional<absl::Duration> LeftAfterMaintenance(const Lease& lease, absl::Time since);

// Whether a read or commit that names `fence` may go on: StaleFence if not.
absl::Status CheckFence(const Lease& lease, std::uint64_t fence);

// Whether a commit that names no fence may go on: LeaseHeld while the lease is live. One that goes past an expired
// lease ends it.
absl::Status AdvanceForUnfencedCommit(Lease* lease);

// Errors with the lease that is the reason (storage/error.h). NOT_APPLIED where they answer a commit.
absl::Status LeaseHeld(const Lease& lease);
absl::Status StaleFence(const Lease& lease);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_LEASE_H_
