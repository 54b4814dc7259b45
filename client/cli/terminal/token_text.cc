#include "client/cli/terminal/token_text.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

using client::SessionScope;
using client::TokenInfo;

// A list shows no more scopes of a token than these, and how many others there are.
constexpr std::size_t kShownScopes = 2;

std::string StateText(TokenInfo::State state) {
  switch (state) {
    case TokenInfo::State::kValid:
      return "valid";
    case TokenInfo::State::kExpired:
      return "expired";
    case TokenInfo::State::kRevoked:
      break;
  }
  return "revoked";
}

std::string RightsText(const std::vector<client::Right>& rights) {
  return absl::StrJoin(rights, ", ",
                       [](std::string* out, client::Right right) { absl::StrAppend(out, RightText(right)); });
}

// `team:*` is a prefix: no session id has a `*`.
std::string ScopeText(const SessionScope& scope) {
  if (!scope.prefix) return scope.id;
  return scope.id.empty() ? "all" : absl::StrCat(scope.id, "*");
}

std::string ScopesText(const std::vector<SessionScope>& scopes, std::size_t most) {
  std::vector<std::string> texts;
  for (const SessionScope& scope : scopes) {
    if (texts.size() == most) break;
    texts.push_back(Printable(ScopeText(scope)));
  }
  std::string text = absl::StrJoin(texts, ", ");
  if (scopes.size() > texts.size()) absl::StrAppend(&text, " and ", scopes.size() - texts.size(), " more");
  return text.empty() ? "-" : text;
}

std::string OptionalTime(const std::optional<absl::Time>& time, absl::string_view otherwise) {
  return time.has_value() ? TimeText(*time) : std::string(otherwise);
}

Json TimeJson(const std::optional<absl::Time>& time) {
  return time.has_value() ? Json(TimeText(*time)) : Json(nullptr);
}

}  // namespace

std::string RightText(client::Right right) {
  switch (right) {
    case client::Right::kRead:
      return "read";
    case client::Right::kWrite:
      return "write";
    case client::Right::kSteal:
      return "steal";
    case client::Right::kAdmin:
      break;
  }
  return "admin";
}

Json TokenJson(const TokenInfo& token) {
  Json rights = Json::array();
  for (const client::Right right : token.rights) rights.push_back(RightText(right));
  Json sessions = Json::array();
  Json prefixes = Json::array();
  for (const SessionScope& scope : token.scopes) (scope.prefix ? prefixes : sessions).push_back(scope.id);
  return {{"id", token.id},
          {"label", token.label},
          {"certificate_name", token.certificate_name},
          {"rights", std::move(rights)},
          {"sessions", std::move(sessions)},
          {"prefixes", std::move(prefixes)},
          {"state", StateText(token.state)},
          {"created", TimeText(token.create_time)},
          {"expires", TimeJson(token.expire_time)},
          {"revoked", TimeJson(token.revoke_time)},
          {"last_used", TimeJson(token.last_use_time)}};
}

std::vector<std::vector<std::string>> TokenRows(const TokenInfo& token) {
  std::vector<std::vector<std::string>> rows{{"id", Printable(token.id)}, {"label", Printable(token.label)}};
  if (!token.certificate_name.empty()) rows.push_back({"certificate", Printable(token.certificate_name)});
  rows.push_back({"rights", RightsText(token.rights)});
  rows.push_back({"sessions", ScopesText(token.scopes, token.scopes.size())});
  rows.push_back({"state", StateText(token.state)});
  rows.push_back({"created", TimeText(token.create_time)});
  rows.push_back({"expires", OptionalTime(token.expire_time, "never")});
  if (token.revoke_time.has_value()) rows.push_back({"revoked", TimeText(*token.revoke_time)});
  rows.push_back({"last used", OptionalTime(token.last_use_time, "never")});
  return rows;
}

std::vector<std::string> TokenHeading() {
  return {"ID", "STATE", "RIGHTS", "SESSIONS", "EXPIRES", "LAST USED", "LABEL"};
}

std::vector<std::string> TokenRow(const TokenInfo& token) {
  return {
      Printable(token.id),
      StateText(token.state),
      RightsText(token.rights),
      ScopesText(token.scopes, kShownScopes),
      OptionalTime(token.expire_time, "never"),
      OptionalTime(token.last_use_time, "never"),
      Printable(token.certificate_name.empty() ? token.label : absl::StrCat(token.certificate_name, " ", token.label))};
}

}  // namespace authstate::cli
