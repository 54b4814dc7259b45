#include "client/cpp/idempotency_policy.h"

namespace authstate::client {

Repetition RepetitionOf(Rpc rpc) {
  // No default: the compiler asks for every call that is added.
  switch (rpc) {
    case Rpc::kGetCreds:
    case Rpc::kGetKeys:
    case Rpc::kLoadSession:
    case Rpc::kListSessions:
    case Rpc::kGetLease:
    case Rpc::kGetServerInfo:
    case Rpc::kListBackends:
    case Rpc::kListHomes:
    case Rpc::kListTokens:
    case Rpc::kGetToken:
    case Rpc::kCheckHealth:
    case Rpc::kGetMaintenance:
      return Repetition::kRead;
    case Rpc::kDeleteCreds:
    case Rpc::kDeleteSession:
      return Repetition::kNotFoundIsDone;
    case Rpc::kReleaseLease:
      return Repetition::kStaleFenceIsDone;
    case Rpc::kPurgeExpiredKeys:
    case Rpc::kCreateToken:
      return Repetition::kNotInDoubt;
    case Rpc::kSetCreds:
    case Rpc::kSetKeys:
    case Rpc::kDeleteKeys:
    case Rpc::kCommit:
    case Rpc::kAcquireLease:
    case Rpc::kRenewLease:
    case Rpc::kAbandonHome:
    case Rpc::kRotateToken:
    case Rpc::kRevokeToken:
    case Rpc::kBeginMaintenance:
    case Rpc::kEndMaintenance:
      break;
  }
  return Repetition::kOnce;
}

}  // namespace authstate::client
