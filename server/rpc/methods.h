#ifndef AUTHSTATE_SERVER_RPC_METHODS_H_
#define AUTHSTATE_SERVER_RPC_METHODS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "storage/grant.h"

// The one table of what callers may ask for: every RPC, every operation of a pipe, and the right that each takes.
// docs/tokens.md tells it to users; tests/integration/access_matrix_test.cc holds both services to it.
namespace authstate::server {

// What a right has to be on.
enum class Reach : std::uint8_t {
  // The session that the request names.
  kSession,
  // At least one session; the answer shows no other.
  kSessions,
  // The server.
  kServer,
  // Nothing yet: the caller has to be known, and each operation asks for itself.
  kOperations,
};

struct Need {
  storage::Right right;
  Reach reach;
  // Where the request says `steal`: kSteal as well.
  bool may_steal = false;
};

inline constexpr Need kReadSession = {storage::Right::kRead, Reach::kSession};
inline constexpr Need kWriteSession = {storage::Right::kWrite, Reach::kSession};
inline constexpr Need kWriteOrSteal = {storage::Right::kWrite, Reach::kSession, /*may_steal=*/true};
inline constexpr Need kReadSomeSessions = {storage::Right::kRead, Reach::kSessions};
inline constexpr Need kAdministrate = {storage::Right::kAdmin, Reach::kServer};
inline constexpr Need kByOperation = {storage::Right{}, Reach::kOperations};

// Whether a failure has to say if the work was applied.
enum class Effect : bool { kReads, kMutates };

// An RPC, or an operation of a pipe.
struct Method {
  constexpr Method(absl::string_view its_name, Effect effect, Need its_need)
      : name(its_name), mutation(effect == Effect::kMutates), need(its_need) {}

  // The RPC's name without its service: `Commit`; the operation's as the contract has it: `commit`.
  absl::string_view name;
  bool mutation;
  Need need;
};

namespace rpc {

inline constexpr Method kGetCreds = {"GetCreds", Effect::kReads, kReadSession};
inline constexpr Method kSetCreds = {"SetCreds", Effect::kMutates, kWriteSession};
inline constexpr Method kDeleteCreds = {"DeleteCreds", Effect::kMutates, kWriteSession};
inline constexpr Method kGetKeys = {"GetKeys", Effect::kReads, kReadSession};
inline constexpr Method kSetKeys = {"SetKeys", Effect::kMutates, kWriteSession};
inline constexpr Method kDeleteKeys = {"DeleteKeys", Effect::kMutates, kWriteSession};
inline constexpr Method kCommit = {"Commit", Effect::kMutates, kWriteSession};
inline constexpr Method kLoadSession = {"LoadSession", Effect::kReads, kReadSession};
inline constexpr Method kListSessions = {"ListSessions", Effect::kReads, kReadSomeSessions};
inline constexpr Method kDeleteSession = {"DeleteSession", Effect::kMutates, kWriteSession};
inline constexpr Method kAcquireLease = {"AcquireLease", Effect::kMutates, kWriteOrSteal};
inline constexpr Method kRenewLease = {"RenewLease", Effect::kMutates, kWriteSession};
inline constexpr Method kReleaseLease = {"ReleaseLease", Effect::kMutates, kWriteSession};
inline constexpr Method kGetLease = {"GetLease", Effect::kReads, kReadSession};
inline constexpr Method kPipe = {"Pipe", Effect::kReads, kByOperation};

// AdminService.
inline constexpr Method kGetServerInfo = {"GetServerInfo", Effect::kReads, kAdministrate};
inline constexpr Method kPurgeExpiredKeys = {"PurgeExpiredKeys", Effect::kMutates, kAdministrate};
inline constexpr Method kListBackends = {"ListBackends", Effect::kReads, kAdministrate};
inline constexpr Method kSwitchBackend = {"SwitchBackend", Effect::kReads, kAdministrate};
inline constexpr Method kSyncBackend = {"SyncBackend", Effect::kReads, kAdministrate};
inline constexpr Method kCopyStore = {"CopyStore", Effect::kReads, kAdministrate};
inline constexpr Method kListHomes = {"ListHomes", Effect::kReads, kAdministrate};
inline constexpr Method kAbandonHome = {"AbandonHome", Effect::kMutates, kAdministrate};
inline constexpr Method kCreateToken = {"CreateToken", Effect::kMutates, kAdministrate};
inline constexpr Method kListTokens = {"ListTokens", Effect::kReads, kAdministrate};
inline constexpr Method kGetToken = {"GetToken", Effect::kReads, kAdministrate};
inline constexpr Method kRotateToken = {"RotateToken", Effect::kMutates, kAdministrate};
inline constexpr Method kRevokeToken = {"RevokeToken", Effect::kMutates, kAdministrate};
inline constexpr Method kGetMaintenance = {"GetMaintenance", Effect::kReads, kAdministrate};
inline constexpr Method kBeginMaintenance = {"BeginMaintenance", Effect::kMutates, kAdministrate};
inline constexpr Method kEndMaintenance = {"EndMaintenance", Effect::kMutates, kAdministrate};

// All of them, by service.
inline constexpr const Method* kAuthStateMethods[] = {&kGetCreds,     &kSetCreds,      &kDeleteCreds,  &kGetKeys,
                                                      &kSetKeys,      &kDeleteKeys,    &kCommit,       &kLoadSession,
                                                      &kListSessions, &kDeleteSession, &kAcquireLease, &kRenewLease,
                                                      &kReleaseLease, &kGetLease,      &kPipe};
inline constexpr const Method* kAdminMethods[] = {
    &kGetServerInfo, &kPurgeExpiredKeys, &kListBackends,     &kSwitchBackend, &kSyncBackend, &kCopyStore,
    &kListHomes,     &kAbandonHome,      &kCreateToken,      &kListTokens,    &kGetToken,    &kRotateToken,
    &kRevokeToken,   &kGetMaintenance,   &kBeginMaintenance, &kEndMaintenance};

}  // namespace rpc

namespace pipe {

// In the order of Operation::work.
inline constexpr Method kOperations[] = {
    {"attach", Effect::kMutates, kWriteOrSteal}, {"detach", Effect::kMutates, kWriteSession},
    {"get", Effect::kReads, kReadSession},       {"commit", Effect::kMutates, kWriteSession},
    {"renew", Effect::kMutates, kWriteSession},
};

}  // namespace pipe

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_METHODS_H_
