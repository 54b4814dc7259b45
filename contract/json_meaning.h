#ifndef AUTHSTATE_CONTRACT_JSON_MEANING_H_
#define AUTHSTATE_CONTRACT_JSON_MEANING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace authstate {

// A binary form that two JSON texts share when they mean the same: white space, the order of members, all but the last
// member of a name, the spelling of numbers (compared as doubles; -0 is 0) and of escapes in strings do not matter.
// Strings with unpaired surrogates are compared as they are written. InvalidArgument, with the byte offset, for text
// that does not parse or is deeper than kMaxJsonDepth. Pure.
absl::StatusOr<std::string> JsonMeaning(absl::string_view text);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_JSON_MEANING_H_
