#ifndef AUTHSTATE_TESTS_SUPPORT_WORKING_CREDS_H_
#define AUTHSTATE_TESTS_SUPPORT_WORKING_CREDS_H_

#include <cstddef>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace authstate::test {

inline constexpr std::size_t kKeyBytes = 32;

// A Buffer of `size` times `byte`.
inline std::string KeyBuffer(char byte, std::size_t size = kKeyBytes) {
  return absl::StrCat(R"({"type":"Buffer","data":")", absl::Base64Escape(std::string(size, byte)), R"("})");
}

// Canonical text of creds that have what Baileys needs to log in, and a member `me` that tells them from others.
// `noise_private` stands for noiseKey.private.
inline std::string WorkingCreds(absl::string_view me = "demo", const std::string& noise_private = KeyBuffer('a')) {
  const auto pair = [](const std::string& key) {
    return absl::StrCat(R"({"private":)", key, R"(,"public":)", KeyBuffer('b'), "}");
  };
  return absl::StrCat(R"({"noiseKey":)", pair(noise_private), R"(,"signedIdentityKey":)", pair(KeyBuffer('c')),
                      R"(,"signedPreKey":{"keyPair":)", pair(KeyBuffer('d')), R"(,"signature":)", KeyBuffer('e', 64),
                      R"(,"keyId":1},"registrationId":7,"me":")", me, R"("})");
}

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_WORKING_CREDS_H_
