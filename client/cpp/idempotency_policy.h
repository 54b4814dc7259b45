#ifndef AUTHSTATE_CLIENT_CPP_IDEMPOTENCY_POLICY_H_
#define AUTHSTATE_CLIENT_CPP_IDEMPOTENCY_POLICY_H_

#include <cstdint>

// The one place that says which call may be sent again after its reply was lost.
namespace authstate::client {

// The calls of the contract, and the one of the health service.
enum class Rpc : std::uint8_t {
  kGetCreds,
  kSetCreds,
  kDeleteCreds,
  kGetKeys,
  kSetKeys,
  kDeleteKeys,
  kCommit,
  kLoadSession,
  kListSessions,
  kDeleteSession,
  kAcquireLease,
  kRenewLease,
  kReleaseLease,
  kGetLease,
  kGetServerInfo,
  kListBackends,
  kPurgeExpiredKeys,
  kListHomes,
  kAbandonHome,
  kCreateToken,
  kListTokens,
  kGetToken,
  kRotateToken,
  kRevokeToken,
  kCheckHealth,
  kGetMaintenance,
  kBeginMaintenance,
  kEndMaintenance,
};

// What a repetition of a call means.
enum class Repetition : std::uint8_t {
  // Changes nothing: always safe.
  kRead,
  // Takes effect once, by its commit id or its fence, also with an `expected_revision`, or is as good done twice: safe.
  kOnce,
  // Likewise; and should so many commits have followed that the server knows the id no more, NOT_FOUND still tells that
  // the lost call was applied, or that another caller was as good: it counts as done.
  kNotFoundIsDone,
  // Takes effect once, and its own success makes its fence stale: STALE_FENCE tells that the lost call was applied, or
  // that the session is somebody else's by now, and counts as done.
  kStaleFenceIsDone,
  // Does what is still to be done, and tells how much that was, or makes something new: a repetition would hide what
  // the
  // lost call did. Safe only while no attempt is in doubt.
  kNotInDoubt,
};

Repetition RepetitionOf(Rpc rpc);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_IDEMPOTENCY_POLICY_H_
