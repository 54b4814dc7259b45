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
};

// What a repetition of a call means.
enum class Repetition : std::uint8_t {
  // Changes nothing: always safe.
  kRead,
  // Leads to the same state: safe.
  kSameState,
  // Leads to the same state, but answers NOT_FOUND if the lost call was applied: NOT_FOUND then counts as done.
  kNotFoundIsDone,
  // If the lost call was applied, a repetition is refused as if another had come first: not safe. Repeated only when
  // the
  // server said that nothing was applied.
  kConditional,
};

// `conditional`: the request has an `expected_revision`.
Repetition RepetitionOf(Rpc rpc, bool conditional);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_IDEMPOTENCY_POLICY_H_
