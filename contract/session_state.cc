#include "contract/session_state.h"

#include <string>

#include "absl/strings/match.h"
#include "contract/json_members.h"

namespace authstate {
namespace {

// As in `5511:12@s.whatsapp.net`.
bool HasDevice(absl::string_view jid) { return absl::StrContains(jid.substr(0, jid.find('@')), ':'); }

}  // namespace

absl::string_view NameOf(SessionState state) {
  switch (state) {
    case SessionState::kPaired:
      return "paired";
    case SessionState::kCodeRequested:
      return "code-requested";
    case SessionState::kHalfPaired:
      return "half-paired";
    case SessionState::kUnpaired:
      return "unpaired";
    case SessionState::kOrphaned:
      return "orphaned";
    case SessionState::kDamaged:
      return "damaged";
  }
  return "";
}

std::optional<SessionState> SessionStateNamed(absl::string_view name) {
  for (const SessionState state : kSessionStates) {
    if (NameOf(state) == name) return state;
  }
  return std::nullopt;
}

SessionState StateOf(const std::optional<Value>& creds) {
  if (!creds.has_value()) return SessionState::kOrphaned;
  if (creds->kind != ValueKind::kJson || !absl::StartsWith(creds->bytes, "{")) return SessionState::kDamaged;
  const std::optional<std::string> jid = FindText(creds->bytes, {"me", "id"});
  if (!jid.has_value()) return SessionState::kUnpaired;
  const std::optional<absl::string_view> account = FindMember(creds->bytes, {"account"});
  if (account.has_value() && account->front() == '{' && HasDevice(*jid)) return SessionState::kPaired;
  if (!HasDevice(*jid) && FindText(creds->bytes, {"pairingCode"}).has_value()) return SessionState::kCodeRequested;
  return SessionState::kHalfPaired;
}

}  // namespace authstate
