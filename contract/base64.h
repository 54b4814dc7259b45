#ifndef AUTHSTATE_CONTRACT_BASE64_H_
#define AUTHSTATE_CONTRACT_BASE64_H_

#include <string>

#include "absl/strings/string_view.h"

namespace authstate {

// Decodes base64 of RFC 4648 section 4 into `bytes`, strictly: standard alphabet, padded, zero trailing bits, nothing
// else. So every byte string has exactly one text. Returns false, and leaves `bytes` unspecified, for any other text.
// abseil's decoder is laxer: it takes white space, missing padding and stray trailing bits.
bool DecodeBase64(absl::string_view text, std::string* bytes);

// Whether DecodeBase64 takes `text`.
bool IsBase64(absl::string_view text);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_BASE64_H_
