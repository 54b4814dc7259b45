#ifndef AUTHSTATE_CONTRACT_SESSION_STATE_H_
#define AUTHSTATE_CONTRACT_SESSION_STATE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "contract/value.h"

// How far the pairing of a session has come, as its creds tell; where Baileys says so, is docs/session-check.md.
namespace authstate {

// The numbers are those of authstate.v1.SessionState.
enum class SessionState : std::uint8_t {
  // Has an account and a device: it can log in.
  kPaired = 1,
  // A pairing code was asked for and not entered: a restart cannot log in with these creds.
  kCodeRequested = 2,
  // Was named to WhatsApp (`me`) and has no account: pairing broke off.
  kHalfPaired = 3,
  // Creds that have not been paired yet.
  kUnpaired = 4,
  // Without creds: keys alone.
  kOrphaned = 5,
  // Creds with which Baileys cannot work, or that cannot be read.
  kDamaged = 6,
};

inline constexpr SessionState kSessionStates[] = {SessionState::kPaired,     SessionState::kCodeRequested,
                                                  SessionState::kHalfPaired, SessionState::kUnpaired,
                                                  SessionState::kOrphaned,   SessionState::kDamaged};

// `paired`, `code-requested`, `half-paired`, `unpaired`, `orphaned`, `damaged`.
absl::string_view NameOf(SessionState state);

// The state of that name; nullopt when there is none.
std::optional<SessionState> SessionStateNamed(absl::string_view name);

// The state of a session with these creds, in canonical form; nullopt: it has none. kDamaged when they are no JSON
// object; whether Baileys can work with what such an object holds is not looked at. Pure.
SessionState StateOf(const std::optional<Value>& creds);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_SESSION_STATE_H_
