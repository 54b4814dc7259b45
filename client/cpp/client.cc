#include "client/cpp/client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/random/random.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "authstate/v1/admin_service.grpc.pb.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "client/cpp/backend_conversion.h"
#include "client/cpp/cancellation.h"
#include "client/cpp/channel.h"
#include "client/cpp/conversion.h"
#include "client/cpp/error.h"
#include "client/cpp/idempotency_policy.h"
#include "client/cpp/known_fields.h"
#include "client/cpp/retry_loop.h"
#include "client/cpp/status_translation.h"
#include "client/cpp/system_timekeeper.h"
#include "client/cpp/token_conversion.h"
#include "contract/limits.h"

namespace authstate::client {
namespace {

// For finding out what is wrong with TLS, once a call has failed.
constexpr absl::Duration kDiagnosisTime = absl::Seconds(2);

std::uint64_t NewCommitId() {
  thread_local absl::BitGen random;
  return absl::Uniform<std::uint64_t>(absl::IntervalClosed, random, 1, std::numeric_limits<std::uint64_t>::max());
}

}  // namespace

class Client::Impl {
 public:
  using Store = v1::AuthStateService::Stub;
  using Admin = v1::AdminService::Stub;
  template <typename Stub, typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  explicit Impl(ClientOptions options)
      : options_(std::move(options)),
        time_(cancellation_),
        channel_(OpenChannel(options_)),
        store_(channel_),
        admin_(channel_) {}

  void Cancel() { cancellation_.Cancel(); }
  Store& store() { return store_; }

  // Sends a unary call, with its retries.
  template <typename Stub, typename Request, typename Response>
  absl::Status Send(Rpc rpc, Stub& stub, Method<Stub, Request, Response> method, const Request& request,
                    Response* response) {
    return Explained(RetryLoop(RepetitionOf(rpc), Schedule(options_.deadline), time_, [&](absl::Time deadline) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      absl::Status shown = ShowToken(options_, context);
      if (!shown.ok()) return shown;
      const Cancellation::CancellableCall call(cancellation_, context);
      return FromGrpcStatus((stub.*method)(&context, request, response));
    }));
  }

  template <typename Request, typename Response>
  absl::Status Read(Rpc rpc, Method<Store, Request, Response> method, const Request& request, Response* response) {
    return Send(rpc, store_, method, request, response);
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> AskAdmin(Rpc rpc, Method<Admin, Request, Response> method, const Request& request) {
    Response response;
    absl::Status status = Send(rpc, admin_, method, request, &response);
    if (!status.ok()) return status;
    return response;
  }

  // Sends a mutation and returns the revision it led to. Where NOT_FOUND counts as done, that is the revision the error
  // carries.
  template <typename Request, typename Response>
  absl::StatusOr<std::uint64_t> Mutate(Rpc rpc, Method<Store, Request, Response> method, Request request) {
    // The same for all attempts, which therefore take effect once.
    if (request.commit_id() == 0) request.set_commit_id(NewCommitId());
    Response response;
    std::uint64_t revision = 0;
    const absl::Status status =
        RetryLoop(RepetitionOf(rpc), Schedule(options_.deadline), time_, [&](absl::Time deadline) {
          grpc::ClientContext context;
          context.set_deadline(absl::ToChronoTime(deadline));
          absl::Status shown = ShowToken(options_, context);
          if (!shown.ok()) return shown;
          const Cancellation::CancellableCall call(cancellation_, context);
          absl::Status attempt = FromGrpcStatus((store_.*method)(&context, request, &response));
          revision = attempt.ok() ? response.revision() : RevisionOf(attempt).value_or(0);
          return attempt;
        });
    if (!status.ok()) return Explained(status);
    return revision;
  }

  // FailedPrecondition where the server has ignored what `request` asks for.
  template <typename Request>
  absl::Status CheckKnown(const Request& request, std::uint32_t knows_fields_up_to) {
    const std::vector<std::string> ignored = IgnoredFields(request, knows_fields_up_to);
    if (ignored.empty()) return absl::OkStatus();
    v1::GetServerInfoResponse info;
    // The version makes the error clearer; what is wrong is known without it.
    (void)Send(Rpc::kGetServerInfo, admin_, &Admin::GetServerInfo, v1::GetServerInfoRequest(), &info);
    return ServerTooOld(info.version(), ignored);
  }

  // Sends a call that answers with a lease.
  template <typename Response, typename Request>
  absl::StatusOr<Lease> LeaseOf(Rpc rpc, Method<Store, Request, Response> method, const Request& request) {
    Response response;
    const absl::Status status = Send(rpc, store_, method, request, &response);
    if (!status.ok()) return status;
    return FromMessage(std::move(*response.mutable_lease()));
  }

  absl::Status Load(const v1::LoadSessionRequest& request, absl::FunctionRef<absl::Status(SessionPage)> on_page) {
    // Once a page was handed out, an error is final: the next attempt would begin again.
    absl::Status final_error;
    const auto attempt = [&](absl::Time deadline) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      absl::Status shown = ShowToken(options_, context);
      if (!shown.ok()) return shown;
      const Cancellation::CancellableCall call(cancellation_, context);
      bool handed_out = false;
      absl::Status status = ReadPages(context, request, on_page, &handed_out);
      if (!handed_out) return status;
      final_error = status;
      return absl::OkStatus();
    };
    const Repetition repetition = RepetitionOf(Rpc::kLoadSession);
    absl::Status status = RetryLoop(repetition, Schedule(options_.load_deadline), time_, attempt);
    return status.ok() ? final_error : Explained(status);
  }

  absl::Status SwitchBackend(const v1::SwitchBackendRequest& request,
                             absl::FunctionRef<void(const SwitchProgress&)> on_progress, SwitchResult* result) {
    grpc::ClientContext context;
    absl::Status shown = ShowToken(options_, context);
    if (!shown.ok()) return shown;
    const Cancellation::CancellableCall call(cancellation_, context);
    const auto reader = admin_.SwitchBackend(&context, request);
    v1::SwitchBackendResponse message;
    while (reader->Read(&message)) {
      if (message.has_progress()) on_progress(FromMessage(message.progress()));
      if (message.has_result()) *result = FromMessage(message.result());
    }
    return Explained(FromGrpcStatus(reader->Finish()));
  }

 private:
  // An error that came from no server, with what TLS has to say to it.
  absl::Status Explained(absl::Status status) const {
    if (!options_.tls.has_value() || !absl::IsUnavailable(status) || ReasonOf(status).has_value()) return status;
    const std::string why = WhyNoTls(options_.address, *options_.tls, absl::Now() + kDiagnosisTime);
    if (why.empty()) return status;
    absl::Status explained(status.code(), absl::StrCat(why, " (", status.message(), ")"));
    status.ForEachPayload(
        [&explained](absl::string_view url, const absl::Cord& payload) { explained.SetPayload(url, payload); });
    return explained;
  }

  RetrySchedule Schedule(absl::Duration deadline) const {
    RetrySchedule schedule;
    schedule.patience = options_.patience;
    schedule.deadline = deadline;
    return schedule;
  }

  absl::Status ReadPages(grpc::ClientContext& context, const v1::LoadSessionRequest& request,
                         absl::FunctionRef<absl::Status(SessionPage)> on_page, bool* handed_out) {
    const auto reader = store_.LoadSession(&context, request);
    absl::Status refused;
    while (refused.ok()) {
      v1::LoadSessionResponse message;
      if (!reader->Read(&message)) break;
      if (!std::exchange(*handed_out, true)) refused = CheckKnown(request, message.knows_fields_up_to());
      if (!refused.ok()) break;
      absl::StatusOr<SessionPage> page = FromMessage(std::move(message));
      refused = page.ok() ? on_page(*std::move(page)) : page.status();
    }
    if (!refused.ok()) context.TryCancel();
    const absl::Status status = FromGrpcStatus(reader->Finish());
    return refused.ok() ? status : refused;
  }

  const ClientOptions options_;
  Cancellation cancellation_;
  SystemTimekeeper time_;
  const std::shared_ptr<grpc::Channel> channel_;
  Store store_;
  Admin admin_;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

absl::StatusOr<Creds> Client::GetCreds(const std::string& session_id) {
  v1::GetCredsRequest request;
  request.set_session_id(session_id);
  v1::GetCredsResponse response;
  const absl::Status status = impl_->Read(Rpc::kGetCreds, &Impl::Store::GetCreds, request, &response);
  if (!status.ok()) return status;
  absl::StatusOr<Value> value = FromMessage(std::move(*response.mutable_creds()));
  if (!value.ok()) return value.status();
  return Creds{*std::move(value), response.revision()};
}

absl::StatusOr<std::uint64_t> Client::SetCreds(const std::string& session_id, Value creds,
                                               std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::SetCredsRequest request;
  request.set_session_id(session_id);
  *request.mutable_creds() = ToMessage(std::move(creds));
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kSetCreds, &Impl::Store::SetCreds, std::move(request));
}

absl::StatusOr<std::uint64_t> Client::DeleteCreds(const std::string& session_id,
                                                  std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::DeleteCredsRequest request;
  request.set_session_id(session_id);
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kDeleteCreds, &Impl::Store::DeleteCreds, std::move(request));
}

absl::StatusOr<Keys> Client::GetKeys(const std::string& session_id, const std::vector<KeyName>& names,
                                     std::uint64_t fence) {
  v1::GetKeysRequest request;
  request.set_session_id(session_id);
  for (v1::KeySelection& selection : ToSelections(names)) *request.add_keys() = std::move(selection);
  request.set_fence(fence);
  v1::GetKeysResponse response;
  const absl::Status status = impl_->Read(Rpc::kGetKeys, &Impl::Store::GetKeys, request, &response);
  if (!status.ok()) return status;
  return FromMessage(std::move(response));
}

absl::StatusOr<std::uint64_t> Client::SetKeys(const std::string& session_id, std::vector<KeyEntry> keys,
                                              std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::SetKeysRequest request;
  request.set_session_id(session_id);
  for (KeyEntry& entry : keys) *request.add_keys() = ToMessage(std::move(entry));
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kSetKeys, &Impl::Store::SetKeys, std::move(request));
}

absl::StatusOr<std::uint64_t> Client::DeleteKeys(const std::string& session_id, const std::vector<KeyName>& names,
                                                 std::optional<std::uint64_t> expected_revision, std::uint64_t fence) {
  v1::DeleteKeysRequest request;
  request.set_session_id(session_id);
  for (v1::KeySelection& selection : ToSelections(names)) *request.add_keys() = std::move(selection);
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kDeleteKeys, &Impl::Store::DeleteKeys, std::move(request));
}

absl::StatusOr<std::uint64_t> Client::Commit(CommitRequest commit) {
  return impl_->Mutate(Rpc::kCommit, &Impl::Store::Commit, ToMessage(std::move(commit)));
}

absl::Status Client::LoadSession(const std::string& session_id, std::uint32_t page_bytes,
                                 absl::FunctionRef<absl::Status(SessionPage)> on_page, std::uint64_t fence,
                                 const SessionSelection& selection) {
  v1::LoadSessionRequest request = ToMessage(selection);
  request.set_session_id(session_id);
  request.set_page_bytes(page_bytes);
  request.set_fence(fence);
  return impl_->Load(request, on_page);
}

absl::StatusOr<SessionListing> Client::ListSessions(const SessionFilter& filter,
                                                    absl::FunctionRef<absl::Status(SessionSummary)> on_session) {
  SessionListing listing;
  v1::ListSessionsRequest request = ToMessage(filter);
  request.set_page_size(static_cast<std::uint32_t>(kMaxListPageSize));
  // A server whose pages go in a circle would keep its caller for ever.
  absl::flat_hash_set<std::string> tokens;
  do {
    v1::ListSessionsResponse response;
    absl::Status status = impl_->Read(Rpc::kListSessions, &Impl::Store::ListSessions, request, &response);
    // Of every page, as the next one may be another server's.
    if (status.ok()) status = impl_->CheckKnown(request, response.knows_fields_up_to());
    if (!status.ok()) return status;
    for (v1::Session& session : *response.mutable_sessions()) {
      status = on_session(FromMessage(std::move(session)));
      if (!status.ok()) return status;
    }
    for (std::string& id : *response.mutable_unaddressable_ids()) listing.unaddressable_ids.push_back(std::move(id));
    if (!tokens.insert(response.next_page_token()).second) {
      return absl::InternalError(
          "ListSessions: the server led to the same page twice; its sessions were not all listed");
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return listing;
}

absl::StatusOr<std::uint64_t> Client::DeleteSession(const std::string& session_id,
                                                    std::optional<std::uint64_t> expected_revision,
                                                    std::uint64_t fence) {
  v1::DeleteSessionRequest request;
  request.set_session_id(session_id);
  if (expected_revision.has_value()) request.set_expected_revision(*expected_revision);
  request.set_fence(fence);
  return impl_->Mutate(Rpc::kDeleteSession, &Impl::Store::DeleteSession, std::move(request));
}

absl::StatusOr<Lease> Client::AcquireLease(const std::string& session_id, const std::string& owner, absl::Duration ttl,
                                           bool steal) {
  v1::AcquireLeaseRequest request;
  request.set_session_id(session_id);
  request.set_owner(owner);
  *request.mutable_ttl() = ToMessage(ttl);
  request.set_steal(steal);
  return impl_->LeaseOf<v1::AcquireLeaseResponse>(Rpc::kAcquireLease, &Impl::Store::AcquireLease, request);
}

absl::StatusOr<Lease> Client::RenewLease(const std::string& session_id, std::uint64_t fence, absl::Duration ttl) {
  v1::RenewLeaseRequest request;
  request.set_session_id(session_id);
  request.set_fence(fence);
  *request.mutable_ttl() = ToMessage(ttl);
  return impl_->LeaseOf<v1::RenewLeaseResponse>(Rpc::kRenewLease, &Impl::Store::RenewLease, request);
}

absl::Status Client::ReleaseLease(const std::string& session_id, std::uint64_t fence) {
  v1::ReleaseLeaseRequest request;
  request.set_session_id(session_id);
  request.set_fence(fence);
  return impl_->LeaseOf<v1::ReleaseLeaseResponse>(Rpc::kReleaseLease, &Impl::Store::ReleaseLease, request).status();
}

absl::StatusOr<Lease> Client::GetLease(const std::string& session_id) {
  v1::GetLeaseRequest request;
  request.set_session_id(session_id);
  return impl_->LeaseOf<v1::GetLeaseResponse>(Rpc::kGetLease, &Impl::Store::GetLease, request);
}

absl::StatusOr<ServerInfo> Client::GetServerInfo() {
  auto response = impl_->AskAdmin(Rpc::kGetServerInfo, &Impl::Admin::GetServerInfo, v1::GetServerInfoRequest());
  if (!response.ok()) return response.status();
  return FromMessage(*std::move(response));
}

absl::StatusOr<std::map<std::string, std::uint64_t>> Client::PurgeExpiredKeys(const std::vector<std::string>& types,
                                                                              bool dry_run) {
  v1::PurgeExpiredKeysRequest request;
  request.mutable_types()->Assign(types.begin(), types.end());
  request.set_dry_run(dry_run);
  const auto response = impl_->AskAdmin(Rpc::kPurgeExpiredKeys, &Impl::Admin::PurgeExpiredKeys, request);
  if (!response.ok()) return response.status();
  return std::map<std::string, std::uint64_t>(response->keys().begin(), response->keys().end());
}

absl::StatusOr<std::vector<BackendInfo>> Client::ListBackends(bool probe) {
  v1::ListBackendsRequest request;
  request.set_probe(probe);
  const auto response = impl_->AskAdmin(Rpc::kListBackends, &Impl::Admin::ListBackends, request);
  if (!response.ok()) return response.status();
  std::vector<BackendInfo> backends;
  for (const v1::Backend& backend : response->backends()) backends.push_back(FromMessage(backend));
  return backends;
}

absl::Status Client::SwitchBackend(const SwitchOptions& options,
                                   absl::FunctionRef<void(const SwitchProgress&)> on_progress, SwitchResult* result) {
  return impl_->SwitchBackend(ToMessage(options), on_progress, result);
}

absl::StatusOr<IssuedToken> Client::CreateToken(const TokenTerms& terms) {
  const auto response = impl_->AskAdmin(Rpc::kCreateToken, &Impl::Admin::CreateToken, ToMessage(terms));
  if (!response.ok()) return response.status();
  return IssuedToken{FromMessage(response->token()), response->bearer_token()};
}

absl::StatusOr<std::vector<TokenInfo>> Client::ListTokens(bool ended) {
  v1::ListTokensRequest request;
  request.set_ended(ended);
  const auto response = impl_->AskAdmin(Rpc::kListTokens, &Impl::Admin::ListTokens, request);
  if (!response.ok()) return response.status();
  std::vector<TokenInfo> tokens;
  for (const v1::Token& token : response->tokens()) tokens.push_back(FromMessage(token));
  return tokens;
}

absl::StatusOr<TokenInfo> Client::GetToken(const std::string& id) {
  v1::GetTokenRequest request;
  request.set_id(id);
  const auto response = impl_->AskAdmin(Rpc::kGetToken, &Impl::Admin::GetToken, request);
  if (!response.ok()) return response.status();
  return FromMessage(response->token());
}

absl::StatusOr<IssuedToken> Client::RotateToken(const std::string& id, std::optional<absl::Duration> time_to_live) {
  v1::RotateTokenRequest request;
  request.set_id(id);
  if (time_to_live.has_value()) *request.mutable_time_to_live() = ToMessage(*time_to_live);
  const auto response = impl_->AskAdmin(Rpc::kRotateToken, &Impl::Admin::RotateToken, request);
  if (!response.ok()) return response.status();
  return IssuedToken{FromMessage(response->token()), response->bearer_token()};
}

absl::StatusOr<TokenInfo> Client::RevokeToken(const std::string& id) {
  v1::RevokeTokenRequest request;
  request.set_id(id);
  const auto response = impl_->AskAdmin(Rpc::kRevokeToken, &Impl::Admin::RevokeToken, request);
  if (!response.ok()) return response.status();
  return FromMessage(response->token());
}

void Client::Cancel() { impl_->Cancel(); }

}  // namespace authstate::client
