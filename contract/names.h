#ifndef AUTHSTATE_CONTRACT_NAMES_H_
#define AUTHSTATE_CONTRACT_NAMES_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// What a session id, an owner, a key type and a key id may be (limits in contract/limits.h). Each check answers OK, or
// InvalidArgument with the rule that was broken, such as "longer than 512 bytes"; the caller puts the field's name
// before it. The value is not quoted: it may be a phone number.
namespace authstate {

absl::Status CheckSessionId(absl::string_view session_id);
// Like CheckSessionId, but may be empty: the prefix of a listing.
absl::Status CheckSessionIdPrefix(absl::string_view prefix);
absl::Status CheckOwner(absl::string_view owner);
absl::Status CheckKeyType(absl::string_view type);
absl::Status CheckKeyId(absl::string_view id);

// Whether `text` is well-formed UTF-8 (no surrogates, no overlong forms, nothing above U+10FFFF).
bool IsValidUtf8(absl::string_view text);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_NAMES_H_
