#include "contract/base64.h"

#include "absl/strings/escaping.h"

namespace authstate {

bool DecodeBase64(absl::string_view text, std::string* bytes) {
  if (text.size() % 4 != 0) return false;
  if (!absl::Base64Unescape(text, bytes)) return false;
  // What abseil forgave shows when the bytes are written again.
  return absl::Base64Escape(*bytes) == text;
}

}  // namespace authstate
