#include "tokens/token_terms.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "tokens/token.h"

namespace authstate::tokens {
namespace {

constexpr absl::string_view kDnsName = "DNS:";
constexpr absl::string_view kUri = "URI:";

std::string LongerThan(std::size_t bytes) { return absl::StrCat("longer than ", bytes, " bytes"); }

std::optional<Fault> FaultOfLabel(absl::string_view label) {
  if (label.size() > kMaxTokenLabelBytes) return Fault{"label", LongerThan(kMaxTokenLabelBytes)};
  if (!IsValidUtf8(label)) return Fault{"label", "is not valid UTF-8"};
  const auto is_control = [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); };
  if (std::any_of(label.begin(), label.end(), is_control)) return Fault{"label", "has a control character"};
  return std::nullopt;
}

std::optional<Fault> FaultOfCertificateName(absl::string_view name) {
  constexpr absl::string_view kField = "certificate_name";
  if (name.empty()) return std::nullopt;
  if (name.size() > kMaxCertificateNameBytes) return Fault{std::string(kField), LongerThan(kMaxCertificateNameBytes)};
  const bool has_kind = absl::StartsWith(name, kDnsName) || absl::StartsWith(name, kUri);
  if (!has_kind || name.size() == kDnsName.size()) {
    return Fault{std::string(kField), "is neither DNS:NAME nor URI:NAME"};
  }
  const auto is_graph = [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); };
  if (!std::all_of(name.begin(), name.end(), is_graph)) {
    return Fault{std::string(kField), "has a byte that is not printable ASCII, or a space"};
  }
  return std::nullopt;
}

std::optional<Fault> FaultOfScopes(const storage::Grant& grant) {
  const bool on_sessions = (grant.rights & ~static_cast<unsigned>(storage::Right::kAdmin)) != 0;
  if (on_sessions && grant.scopes.empty()) return Fault{"scopes", "are missing: say for which sessions the rights are"};
  if (!on_sessions && !grant.scopes.empty()) return Fault{"scopes", "have no use: the right admin is on no session"};
  if (grant.scopes.size() > kMaxTokenScopes) return Fault{"scopes", absl::StrCat("more than ", kMaxTokenScopes)};
  for (std::size_t i = 0; i < grant.scopes.size(); ++i) {
    const storage::SessionScope& scope = grant.scopes[i];
    const absl::Status checked = scope.prefix ? CheckSessionIdPrefix(scope.id) : CheckSessionId(scope.id);
    if (checked.ok()) continue;
    return Fault{absl::StrCat("scopes[", i, "].", scope.prefix ? "prefix" : "session_id"),
                 std::string(checked.message())};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Fault> FaultOfTerms(const storage::Grant& grant, const std::optional<absl::Duration>& time_to_live) {
  if (auto fault = FaultOfLabel(grant.label)) return fault;
  if ((grant.rights & storage::kAllRights) == 0) {
    return Fault{"rights", "are missing: one of read, write, steal and admin at least"};
  }
  if (auto fault = FaultOfScopes(grant)) return fault;
  if (auto fault = FaultOfTimeToLive(time_to_live)) return fault;
  return FaultOfCertificateName(grant.certificate_name);
}

std::optional<Fault> FaultOfTimeToLive(const std::optional<absl::Duration>& time_to_live) {
  if (!time_to_live.has_value()) return std::nullopt;
  if (*time_to_live < absl::Seconds(kMinTokenSeconds)) {
    return Fault{"time_to_live", absl::StrCat("less than ", kMinTokenSeconds, " s")};
  }
  if (*time_to_live > absl::Hours(24) * kMaxTokenDays) {
    return Fault{"time_to_live", absl::StrCat("more than ", kMaxTokenDays, " days")};
  }
  return std::nullopt;
}

std::optional<Fault> FaultOfId(absl::string_view id) {
  if (IsId(id)) return std::nullopt;
  return Fault{"id", absl::StrCat("is not the id of a token: ", kIdBytes, " characters of a-z2-7")};
}

}  // namespace authstate::tokens
