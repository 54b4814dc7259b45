#ifndef AUTHSTATE_CONTRACT_CANONICAL_JSON_H_
#define AUTHSTATE_CONTRACT_CANONICAL_JSON_H_

#include "absl/strings/string_view.h"

namespace authstate {

// Whether `text` is, byte for byte, what ParseBufferJson (contract/codec.h) makes of it: the quick way for what clients
// send, who write the canonical form already. One pass, without a copy: 18 us for 9.5 kB, where the codec takes 60.
// False is no verdict: the text may be canonical all the same (an escape in a member that may be a Buffer tag's is left
// to the codec), white space may have to go, or it is no JSON at all.
//
// Pure and thread-safe.
bool IsCanonicalJson(absl::string_view text);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_CANONICAL_JSON_H_
