#include "client/cpp/idempotency_policy.h"

namespace authstate::client {
namespace {

Repetition Unconditional(Rpc rpc) {
  // No default: the compiler asks for every call that is added.
  switch (rpc) {
    case Rpc::kGetCreds:
    case Rpc::kGetKeys:
    case Rpc::kLoadSession:
    case Rpc::kListSessions:
    case Rpc::kGetLease:
    case Rpc::kGetServerInfo:
      return Repetition::kRead;
    case Rpc::kSetCreds:
    case Rpc::kSetKeys:
    case Rpc::kDeleteKeys:
    case Rpc::kCommit:
    case Rpc::kAcquireLease:
    case Rpc::kRenewLease:
      return Repetition::kSameState;
    case Rpc::kDeleteCreds:
    case Rpc::kDeleteSession:
      return Repetition::kNotFoundIsDone;
    case Rpc::kReleaseLease:
      break;
  }
  return Repetition::kConditional;
}

}  // namespace

Repetition RepetitionOf(Rpc rpc, bool conditional) {
  const Repetition repetition = Unconditional(rpc);
  return conditional && repetition != Repetition::kRead ? Repetition::kConditional : repetition;
}

}  // namespace authstate::client
