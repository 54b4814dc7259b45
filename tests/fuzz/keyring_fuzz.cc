// Keyrings: any text of a file, a command or the environment.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "keyring/keyring.h"
#include "tests/fuzz/property.h"

namespace authstate::fuzz {
namespace {

// What is longer than any id may be a key.
constexpr std::size_t kLongestId = 32;

absl::string_view KeyOf(const Keyring& keyring, const std::string& id) {
  const unsigned char* const key = keyring.Find(id);
  Hold(key != nullptr, "a key that is listed is there");
  return {reinterpret_cast<const char*>(key), kKeyringKeyBytes};
}

void CheckRefusal(const absl::Status& refusal, absl::string_view text) {
  Hold(absl::IsInvalidArgument(refusal), "what is no keyring is InvalidArgument");
  Hold(!absl::StrContains(refusal.message(), '\n'), "an error is one line");
  for (const absl::string_view word : absl::StrSplit(text, absl::ByAnyChar(" \t\r\n;"), absl::SkipEmpty())) {
    Hold(word.size() <= kLongestId || !absl::StrContains(refusal.message(), word), "no key is told");
  }
}

void CheckKeyring(const Keyring& keyring) {
  const std::vector<std::string>& ids = keyring.ids();
  Hold(ids.size() <= kMaxKeyringKeys, "a keyring has not too many keys");
  Hold(std::all_of(ids.begin(), ids.end(), &IsKeyringId), "a key has an id");
  const bool plain = keyring.active().empty();
  Hold(std::count(ids.begin(), ids.end(), keyring.active()) == (plain ? 0 : 1), "the active key is there, once");
  std::string text = plain ? "plain\n" : absl::StrCat("active ", keyring.active(), "\n");
  for (const std::string& id : ids) {
    absl::StrAppend(&text, "key ", id, " ", absl::BytesToHexString(KeyOf(keyring, id)), "\n");
  }
  const auto again = Keyring::Parse(text);
  Hold(again.ok() && (*again)->active() == keyring.active() && (*again)->ids() == ids, "it comes back from its text");
  for (const std::string& id : ids) Hold(KeyOf(**again, id) == KeyOf(keyring, id), "its keys come back");
}

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text = authstate::fuzz::TextOf(data, size);
  const auto keyring = authstate::Keyring::Parse(text);
  if (keyring.ok()) {
    authstate::fuzz::CheckKeyring(**keyring);
  } else {
    authstate::fuzz::CheckRefusal(keyring.status(), text);
  }
  return 0;
}
