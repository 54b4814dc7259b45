#ifndef AUTHSTATE_STORAGE_LEASE_H_
#define AUTHSTATE_STORAGE_LEASE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

// Who may change a session. Plain data, and the rules that every backend follows; a driver that applies them in SQL
// says so there.
//
// The fence counts the changes of owner, to nobody included. It only grows and outlives the session. A lease that has
// expired still is its owner's until somebody takes it or writes past it: both change the owner, and so the fence. So
// an equal fence proves that nobody else has changed the session, whatever any clock says.
namespace authstate::storage {

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
  };

  std::string session_id;
  Action action = Action::kGet;
  // For kAcquire. Not empty.
  std::string owner;
  absl::Duration ttl;
  bool steal = false;
  // For kRenew and kRelease.
  std::uint64_t fence = 0;
  // Whether to wait for the lock of the session's row (Commit::wait_for_lock).
  bool wait_for_lock = true;
};

struct LeaseResult {
  // As it is after the request.
  Lease lease;
  // The session's revision at that moment.
  std::uint64_t revision = 0;
  // The highest Commit::number applied under the lease's fence.
  std::uint64_t applied_number = 0;
};

// The lease that follows from `request` at time `now`, or why it is refused. Changes nothing itself.
absl::Status Advance(const LeaseRequest& request, absl::Time now, Lease* lease);

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
