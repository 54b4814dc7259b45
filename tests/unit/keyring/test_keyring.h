#ifndef AUTHSTATE_TESTS_UNIT_KEYRING_TEST_KEYRING_H_
#define AUTHSTATE_TESTS_UNIT_KEYRING_TEST_KEYRING_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyring/keyring.h"

namespace authstate::test {

// The text of a keyring; each key is its id and one digit, 64 times over, and the first one is active.
inline std::string KeyringText(const std::vector<std::pair<std::string, char>>& keys) {
  std::string text = absl::StrCat("active ", keys.front().first, "\n");
  for (const auto& [id, digit] : keys) absl::StrAppend(&text, "key ", id, " ", std::string(64, digit), "\n");
  return text;
}

// One with a key that is not active.
inline std::shared_ptr<const Keyring> MakeInactiveKeyring(const std::string& id, char digit) {
  return *Keyring::Parse(absl::StrCat("plain\nkey ", id, " ", std::string(64, digit)));
}

inline std::shared_ptr<const Keyring> MakeKeyring(const std::vector<std::pair<std::string, char>>& keys) {
  return *Keyring::Parse(KeyringText(keys));
}

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_UNIT_KEYRING_TEST_KEYRING_H_
