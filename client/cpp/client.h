#ifndef AUTHSTATE_CLIENT_CPP_CLIENT_H_
#define AUTHSTATE_CLIENT_CPP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/backend_types.h"
#include "client/cpp/home_types.h"
#include "client/cpp/tls.h"
#include "client/cpp/token.h"
#include "client/cpp/token_types.h"
#include "client/cpp/types.h"

// A blocking client of authstated.
//
// Errors are canonical codes as in proto/authstate/v1/auth_state_service.proto; client/cpp/error.h reads what they
// carry. Absence is NotFound, or a list of absent keys; a failure is never answered as absence.
//
// Retries are declared per call in idempotency_policy.cc: every call waits through an outage for up to `patience`. A
// mutation takes effect once, however often it is sent, as all attempts carry the same commit id.
namespace authstate::client {

struct ClientOptions {
  // host:port, or unix:PATH.
  std::string address = "127.0.0.1:50051";
  // nullopt: the connection is not encrypted.
  std::optional<Tls> tls;
  // Shown with every call; null: none is.
  std::shared_ptr<TokenSource> token;
  // Whether the token is sent to another machine also without TLS, where whoever listens on the way can use it. Calls
  // fail otherwise.
  bool insecure_token = false;
  // How long one call may take, its retries included; of ListSessions, each page.
  absl::Duration deadline = absl::Seconds(30);
  // For how long after its beginning a call may be tried again; zero: never.
  absl::Duration patience = absl::Seconds(10);
  // How long LoadSession may take as a whole.
  absl::Duration load_deadline = absl::Minutes(10);
};

// Thread-safe: any number of calls at a time, over one connection. Messages up to 64 MiB in both directions.
class Client {
 public:
  // Does not connect; the first call does.
  explicit Client(ClientOptions options);
  // No call may be under way.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // NotFound when the session has no creds.
  absl::StatusOr<Creds> GetCreds(const std::string& session_id);
  // The mutations return the session's revision after the commit. With a `fence`, FailedPrecondition unless it is the
  // session's current one; without, FailedPrecondition while a lease is live.
  absl::StatusOr<std::uint64_t> SetCreds(const std::string& session_id, Value creds,
                                         std::optional<std::uint64_t> expected_revision = std::nullopt,
                                         std::uint64_t fence = 0);
  // NotFound when there are none, unless a lost call of this one deleted them.
  absl::StatusOr<std::uint64_t> DeleteCreds(const std::string& session_id,
                                            std::optional<std::uint64_t> expected_revision = std::nullopt,
                                            std::uint64_t fence = 0);

  // With a `fence`, FailedPrecondition unless it is the session's current one.
  absl::StatusOr<Keys> GetKeys(const std::string& session_id, const std::vector<KeyName>& names,
                               std::uint64_t fence = 0);
  absl::StatusOr<std::uint64_t> SetKeys(const std::string& session_id, std::vector<KeyEntry> keys,
                                        std::optional<std::uint64_t> expected_revision = std::nullopt,
                                        std::uint64_t fence = 0);
  // A key that is not there is no error.
  absl::StatusOr<std::uint64_t> DeleteKeys(const std::string& session_id, const std::vector<KeyName>& names,
                                           std::optional<std::uint64_t> expected_revision = std::nullopt,
                                           std::uint64_t fence = 0);
  absl::StatusOr<std::uint64_t> Commit(CommitRequest commit);

  // Reads what `selection` says of a session, by default all, from one snapshot, page by page, in its order.
  // OK says that all of it was read. An error of `on_page` ends the reading and is returned. Retried only as long as no
  // page has arrived. `page_bytes`: about how many bytes of names and values a page holds; 0: the server's default, 1
  // MiB. With a `fence`, FailedPrecondition unless it is the session's current one. Of a server of an older version,
  // which would answer all in place of `selection`, FailedPrecondition (SERVER_TOO_OLD) before the first page.
  absl::Status LoadSession(const std::string& session_id, std::uint32_t page_bytes,
                           absl::FunctionRef<absl::Status(SessionPage)> on_page, std::uint64_t fence = 0,
                           const SessionSelection& selection = {});

  // Hands out every session of `filter`, ordered by id, and returns what else was found. An error of `on_session` ends
  // the listing and is returned. Internal when the server leads to the same page twice. FailedPrecondition
  // (SERVER_TOO_OLD) when it is of an older version that does not know all of `filter`.
  absl::StatusOr<SessionListing> ListSessions(const SessionFilter& filter,
                                              absl::FunctionRef<absl::Status(SessionSummary)> on_session);

  // What tells the server's store from all others, 32 hexadecimal digits; empty where that is not known.
  absl::StatusOr<std::string> StoreId();

  // NotFound when there is no such session, unless a lost call of this one deleted it.
  absl::StatusOr<std::uint64_t> DeleteSession(const std::string& session_id,
                                              std::optional<std::uint64_t> expected_revision = std::nullopt,
                                              std::uint64_t fence = 0);

  // Makes `owner` the one that may change the session, for 1 s to 1 h. FailedPrecondition when another owner has a live
  // lease and `steal` is not set; error.h tells whose. A new fence is `fence_step` (1 to 2^31; 0 means 1) ahead of the
  // one before; 1 where the server is of an older version.
  absl::StatusOr<Lease> AcquireLease(const std::string& session_id, const std::string& owner, absl::Duration ttl,
                                     bool steal = false, std::uint64_t fence_step = 0);
  // FailedPrecondition when `fence` is not the session's current one.
  absl::StatusOr<Lease> RenewLease(const std::string& session_id, std::uint64_t fence, absl::Duration ttl);
  absl::Status ReleaseLease(const std::string& session_id, std::uint64_t fence);
  absl::StatusOr<Lease> GetLease(const std::string& session_id);

  absl::StatusOr<ServerInfo> GetServerInfo();

  // OK if it serves, as grpc.health.v1.Health tells whoever asks, without a token too. Unavailable with the reason
  // kNotServing if it answers that it does not.
  absl::Status CheckHealth();

  // Deletes expired keys of `types` (none: of every type that can be lost without harm), or counts them on a dry run;
  // returns the number of each type. After a retry it may be short of what the lost call deleted.
  absl::StatusOr<std::map<std::string, std::uint64_t>> PurgeExpiredKeys(const std::vector<std::string>& types,
                                                                        bool dry_run);

  // Every configured backend. `probe`: finds out also whether those that do not serve could.
  absl::StatusOr<Backends> ListBackends(bool probe);

  // Lets another backend serve. Never retried; without a deadline, as comparing takes its time: Cancel ends it, and
  // gives the switch up. `result` is filled in also when the switch was refused, unless no answer came.
  absl::Status SwitchBackend(const SwitchOptions& options, absl::FunctionRef<void(const SwitchProgress&)> on_progress,
                             SwitchResult* result);
  // Makes another backend equal to the one that serves, or compares them. As SwitchBackend in all else.
  absl::Status SyncBackend(const SyncOptions& options, absl::FunctionRef<void(const SwitchProgress&)> on_progress,
                           SyncResult* result);
  // Has the server copy the SQLite file that it serves from, into a new file of that name in its folder for copies.
  // Never retried; without a deadline: Cancel ends it, and gives the copy up.
  absl::StatusOr<StoreCopy> CopyStore(const std::string& name,
                                      absl::FunctionRef<void(const CopyProgress&)> on_progress);

  // What is at home in the file of write-behind of that id, or in any where it is empty, by session id.
  absl::StatusOr<std::vector<HomeInfo>> ListHomes(const std::string& store_id);
  // Makes a session nobody's that is at home in the file of that id, which is lost. FailedPrecondition where that is
  // the server's own.
  absl::StatusOr<AbandonedHome> AbandonHome(const std::string& session_id, const std::string& store_id);

  // Makes a token, or gives rights to a certificate. Not tried again once the token may have been made.
  absl::StatusOr<IssuedToken> CreateToken(const TokenTerms& terms);
  // By id; those that have expired or were revoked only with `ended`.
  absl::StatusOr<std::vector<TokenInfo>> ListTokens(bool ended);
  // NotFound when there is no such token; so do the next two.
  absl::StatusOr<TokenInfo> GetToken(const std::string& id);
  // FailedPrecondition for a certificate, and a token that has ended. nullopt: it keeps the end that it has.
  absl::StatusOr<IssuedToken> RotateToken(const std::string& id, std::optional<absl::Duration> time_to_live);
  absl::StatusOr<TokenInfo> RevokeToken(const std::string& id);

  // nullopt: there is none.
  absl::StatusOr<std::optional<MaintenanceInfo>> GetMaintenance();
  // From now on no server of the database writes to it; what is returned tells when all have heard.
  absl::StatusOr<MaintenanceInfo> BeginMaintenance(const MaintenanceTerms& terms);
  absl::Status EndMaintenance();

  // Ends the calls under way, and all that follow, with Cancelled. From any thread, but not from a signal handler.
  void Cancel();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_CLIENT_H_
