// What operators ask of a server: the calls of AdminService.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/backend_conversion.h"
#include "client/cpp/client.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/conversion.h"
#include "client/cpp/token_conversion.h"

namespace authstate::client {

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

}  // namespace authstate::client
