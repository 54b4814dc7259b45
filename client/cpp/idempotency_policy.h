#ifndef AUTHSTATE_CLIENT_CPP_IDEMPOTENCY_POLICY_H_
#define AUTHSTATE_CLIENT_CPP_IDEMPOTENCY_POLICY_H_

#include <cstdint>

// The one place that says which call may be sent again after its reply was lost.
namespace authstate::client {

// The calls of the contract.
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
};

// What a repetition of a call means.
enum class Repetition : std::uint8_t {
  // Changes nothing, or only what is still to be changed: always safe.
  kRead,
  // Takes effect once, by its commit id or its fence, also with an `expected_revision`: safe.
  kOnce,
  // Likewise; and should so many commits have followed that the server knows the id no more, NOT_FOUND still tells that
  // the lost call was applied, or that another caller was as good: it counts as done.
  kNotFoundIsDone,
};

Repetition RepetitionOf(Rpc rpc);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_IDEMPOTENCY_POLICY_H_
