#include "client/cli/token_admin.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "migrations/open_grants.h"
#include "tokens/token_request.h"
#include "tokens/token_terms.h"

namespace authstate::cli {
namespace {

using client::IssuedToken;
using client::TokenInfo;
using client::TokenTerms;
using storage::Grant;
using storage::GrantRequest;

constexpr std::array<std::pair<client::Right, storage::Right>, 4> kRights = {
    {{client::Right::kRead, storage::Right::kRead},
     {client::Right::kWrite, storage::Right::kWrite},
     {client::Right::kSteal, storage::Right::kSteal},
     {client::Right::kAdmin, storage::Right::kAdmin}}};

class ServerTokens final : public TokenAdmin {
 public:
  explicit ServerTokens(client::Client& client) : client_(client) {}

  absl::StatusOr<IssuedToken> Create(const TokenTerms& terms) override { return client_.CreateToken(terms); }
  absl::StatusOr<std::vector<TokenInfo>> List(bool ended) override { return client_.ListTokens(ended); }
  absl::StatusOr<TokenInfo> Get(const std::string& id) override { return client_.GetToken(id); }
  absl::StatusOr<IssuedToken> Rotate(const std::string& id, std::optional<absl::Duration> time_to_live) override {
    return client_.RotateToken(id, time_to_live);
  }
  absl::StatusOr<TokenInfo> Revoke(const std::string& id) override { return client_.RevokeToken(id); }

 private:
  client::Client& client_;
};

absl::Status ToStatus(const std::optional<tokens::Fault>& fault) {
  return fault.has_value() ? absl::InvalidArgumentError(absl::StrCat(fault->field, ": ", fault->rule))
                           : absl::OkStatus();
}

Grant ToGrant(const TokenTerms& terms) {
  Grant grant;
  grant.label = terms.label;
  grant.certificate_name = terms.certificate_name;
  for (const auto& [asked, right] : kRights) {
    const bool has = std::find(terms.rights.begin(), terms.rights.end(), asked) != terms.rights.end();
    if (has) grant.rights |= static_cast<storage::Rights>(right);
  }
  for (const client::SessionScope& scope : terms.scopes) grant.scopes.push_back({scope.id, scope.prefix});
  return grant;
}

TokenInfo ToInfo(const Grant& grant, absl::Time now) {
  TokenInfo info{
      grant.id,          grant.label,         grant.certificate_name,  {}, {}, grant.create_time, grant.expire_time,
      grant.revoke_time, grant.last_use_time, TokenInfo::State::kValid};
  for (const auto& [shown, right] : kRights) {
    if (storage::Has(grant.rights, right)) info.rights.push_back(shown);
  }
  for (const storage::SessionScope& scope : grant.scopes) info.scopes.push_back({scope.id, scope.prefix});
  if (!storage::InForce(grant, now)) {
    info.state = grant.revoke_time.has_value() ? TokenInfo::State::kRevoked : TokenInfo::State::kExpired;
  }
  return info;
}

class DatabaseTokens final : public TokenAdmin {
 public:
  explicit DatabaseTokens(migrations::GrantStore store) : store_(std::move(store)) {}

  absl::StatusOr<IssuedToken> Create(const TokenTerms& terms) override {
    GrantRequest request;
    request.action = GrantRequest::Action::kCreate;
    request.grant = ToGrant(terms);
    request.time_to_live = terms.time_to_live;
    if (absl::Status checked = ToStatus(tokens::FaultOfTerms(request.grant, terms.time_to_live)); !checked.ok()) {
      return checked;
    }
    return Issue(std::move(request));
  }

  absl::StatusOr<std::vector<TokenInfo>> List(bool ended) override {
    auto result = store_.Do(GrantRequest());
    if (!result.ok()) return result.status();
    std::vector<TokenInfo> tokens;
    for (const Grant& grant : *result->grants) {
      if (ended || storage::InForce(grant, result->now)) tokens.push_back(ToInfo(grant, result->now));
    }
    return tokens;
  }

  absl::StatusOr<TokenInfo> Get(const std::string& id) override {
    if (absl::Status checked = ToStatus(tokens::FaultOfId(id)); !checked.ok()) return checked;
    const auto listed = List(/*ended=*/true);
    if (!listed.ok()) return listed.status();
    const auto found =
        std::find_if(listed->begin(), listed->end(), [&id](const TokenInfo& token) { return token.id == id; });
    if (found == listed->end()) return absl::NotFoundError("there is no such token");
    return *found;
  }

  absl::StatusOr<IssuedToken> Rotate(const std::string& id, std::optional<absl::Duration> time_to_live) override {
    absl::Status checked = ToStatus(tokens::FaultOfId(id));
    if (checked.ok()) checked = ToStatus(tokens::FaultOfTimeToLive(time_to_live));
    if (!checked.ok()) return checked;
    GrantRequest request;
    request.action = GrantRequest::Action::kRotate;
    request.grant.id = id;
    request.time_to_live = time_to_live;
    return Issue(std::move(request));
  }

  absl::StatusOr<TokenInfo> Revoke(const std::string& id) override {
    if (absl::Status checked = ToStatus(tokens::FaultOfId(id)); !checked.ok()) return checked;
    GrantRequest request;
    request.action = GrantRequest::Action::kRevoke;
    request.grant.id = id;
    return Change(std::move(request));
  }

 private:
  absl::StatusOr<IssuedToken> Issue(GrantRequest request) {
    const std::optional<tokens::Token> token = tokens::Issue(&request);
    auto info = Change(std::move(request));
    if (!info.ok()) return info.status();
    return IssuedToken{*std::move(info), token.has_value() ? token->Text() : ""};
  }

  absl::StatusOr<TokenInfo> Change(GrantRequest request) {
    const auto result = store_.Do(std::move(request));
    if (!result.ok()) return result.status();
    return ToInfo(result->grants->front(), result->now);
  }

  migrations::GrantStore store_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TokenAdmin>> OpenTokens(CommandContext& context, const DatabaseChoice& database) {
  if (database.given.empty()) return std::make_unique<ServerTokens>(context.client());
  const auto options = ReadDatabaseOptions(database);
  if (!options.ok()) return options.status();
  auto store = migrations::GrantStore::Open(*options);
  if (!store.ok()) return store.status();
  for (const std::string& warning : store->warnings()) WarnOfDatabase(warning);
  return std::make_unique<DatabaseTokens>(*std::move(store));
}

}  // namespace authstate::cli
