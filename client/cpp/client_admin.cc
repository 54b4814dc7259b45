// What operators ask of a server: the calls of AdminService.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "client/cpp/client.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/messages/backend_conversion.h"
#include "client/cpp/messages/conversion.h"
#include "client/cpp/messages/token_conversion.h"
#include "contract/limits.h"

namespace authstate::client {

absl::StatusOr<ServerInfo> Client::GetServerInfo() {
  auto response = impl_->AskAdmin(Rpc::kGetServerInfo, &Impl::Admin::GetServerInfo, v1::GetServerInfoRequest());
  if (!response.ok()) return response.status();
  return FromMessage(*std::move(response));
}

absl::Status Client::CheckHealth() { return impl_->CheckHealth(); }

absl::StatusOr<std::map<std::string, std::uint64_t>> Client::PurgeExpiredKeys(const std::vector<std::string>& types,
                                                                              bool dry_run) {
  v1::PurgeExpiredKeysRequest request;
  request.mutable_types()->Assign(types.begin(), types.end());
  request.set_dry_run(dry_run);
  const auto response = impl_->AskAdmin(Rpc::kPurgeExpiredKeys, &Impl::Admin::PurgeExpiredKeys, request);
  if (!response.ok()) return response.status();
  return std::map<std::string, std::uint64_t>(response->keys().begin(), response->keys().end());
}

absl::StatusOr<Backends> Client::ListBackends(bool probe) {
  v1::ListBackendsRequest request;
  request.set_probe(probe);
  const auto response = impl_->AskAdmin(Rpc::kListBackends, &Impl::Admin::ListBackends, request);
  if (!response.ok()) return response.status();
  Backends found;
  for (const v1::Backend& backend : response->backends()) found.backends.push_back(FromMessage(backend));
  if (response->has_write_behind()) found.write_behind = FromMessage(response->write_behind());
  return found;
}

absl::Status Client::SwitchBackend(const SwitchOptions& options,
                                   absl::FunctionRef<void(const SwitchProgress&)> on_progress, SwitchResult* result) {
  return impl_->FollowProgress<v1::SwitchBackendResponse>(
      [request = ToMessage(options)](Impl::Admin& admin, grpc::ClientContext* context) {
        return admin.SwitchBackend(context, request);
      },
      on_progress, result);
}

absl::Status Client::SyncBackend(const SyncOptions& options, absl::FunctionRef<void(const SwitchProgress&)> on_progress,
                                 SyncResult* result) {
  return impl_->FollowProgress<v1::SyncBackendResponse>(
      [request = ToMessage(options)](Impl::Admin& admin, grpc::ClientContext* context) {
        return admin.SyncBackend(context, request);
      },
      on_progress, result);
}

absl::StatusOr<StoreCopy> Client::CopyStore(const std::string& name,
                                            absl::FunctionRef<void(const CopyProgress&)> on_progress) {
  v1::CopyStoreRequest request;
  request.set_name(name);
  StoreCopy copy;
  const absl::Status status = impl_->FollowProgress<v1::CopyStoreResponse>(
      [&](Impl::Admin& admin, grpc::ClientContext* context) { return admin.CopyStore(context, request); }, on_progress,
      &copy);
  if (!status.ok()) return status;
  return copy;
}

absl::StatusOr<std::vector<HomeInfo>> Client::ListHomes(const std::string& store_id) {
  v1::ListHomesRequest request;
  request.set_store_id(store_id);
  request.set_page_size(static_cast<std::uint32_t>(kMaxListPageSize));
  std::vector<HomeInfo> homes;
  // A server whose pages go in a circle would keep its caller for ever.
  absl::flat_hash_set<std::string> tokens;
  do {
    auto response = impl_->AskAdmin(Rpc::kListHomes, &Impl::Admin::ListHomes, request);
    if (!response.ok()) return response.status();
    for (v1::Home& home : *response->mutable_homes()) homes.push_back(FromMessage(std::move(home)));
    if (!tokens.insert(response->next_page_token()).second) {
      return absl::InternalError("ListHomes: the server led to the same page twice; its homes were not all listed");
    }
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return homes;
}

absl::StatusOr<AbandonedHome> Client::AbandonHome(const std::string& session_id, const std::string& store_id) {
  v1::AbandonHomeRequest request;
  request.set_session_id(session_id);
  request.set_store_id(store_id);
  const auto response = impl_->AskAdmin(Rpc::kAbandonHome, &Impl::Admin::AbandonHome, request);
  if (!response.ok()) return response.status();
  return AbandonedHome{response->abandoned(), response->revision(), response->owner()};
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

absl::StatusOr<std::optional<MaintenanceInfo>> Client::GetMaintenance() {
  auto response = impl_->AskAdmin(Rpc::kGetMaintenance, &Impl::Admin::GetMaintenance, v1::GetMaintenanceRequest());
  if (!response.ok()) return response.status();
  if (!response->has_maintenance()) return std::nullopt;
  return FromMessage(std::move(*response->mutable_maintenance()));
}

absl::StatusOr<MaintenanceInfo> Client::BeginMaintenance(const MaintenanceTerms& terms) {
  auto response = impl_->AskAdmin(Rpc::kBeginMaintenance, &Impl::Admin::BeginMaintenance, ToMessage(terms));
  if (!response.ok()) return response.status();
  return FromMessage(std::move(*response->mutable_maintenance()));
}

absl::Status Client::EndMaintenance() {
  return impl_->AskAdmin(Rpc::kEndMaintenance, &Impl::Admin::EndMaintenance, v1::EndMaintenanceRequest()).status();
}

}  // namespace authstate::client
