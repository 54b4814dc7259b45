#include "keyring/keyring.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace authstate {
namespace {

constexpr std::size_t kMaxIdLength = 32;

absl::Status Wrong(std::size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

// Whether `digits` are a key, which then is at `key`.
bool ReadKey(absl::string_view digits, unsigned char* key) {
  std::size_t length = 0;
  const char* end = nullptr;
  return digits.size() == 2 * kKeyringKeyBytes &&
         sodium_hex2bin(key, kKeyringKeyBytes, digits.data(), digits.size(), nullptr, &length, &end) == 0 &&
         length == kKeyringKeyBytes && end == digits.data() + digits.size();
}

}  // namespace

bool IsKeyringId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

void Keyring::Free::operator()(unsigned char* keys) const { sodium_free(keys); }

Keyring::Keyring() {
  // What sodium_malloc needs; more than once does no harm.
  if (sodium_init() >= 0) keys_.reset(static_cast<unsigned char*>(sodium_malloc(kMaxKeyringKeys * kKeyringKeyBytes)));
}

absl::StatusOr<std::shared_ptr<const Keyring>> Keyring::Parse(absl::string_view text) {
  const std::shared_ptr<Keyring> keyring(new Keyring);
  if (keyring->keys_ == nullptr) return absl::ResourceExhaustedError("there is no memory to keep the keys in");
  std::size_t number = 1;
  bool chosen = false;
  while (!text.empty()) {
    // A comment goes to the end of its line.
    const bool comment = absl::StartsWith(absl::StripLeadingAsciiWhitespace(text.substr(0, text.find('\n'))), "#");
    const std::size_t end = std::min(text.find_first_of(comment ? "\n" : "\n;"), text.size());
    const absl::string_view line = absl::StripAsciiWhitespace(text.substr(0, end));
    const std::size_t here = number;
    if (end < text.size() && text[end] == '\n') ++number;
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || comment) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    const bool plain = words[0] == "plain" && words.size() == 1;
    const bool active = words[0] == "active" && words.size() == 2;
    if (!plain && !active && !(words[0] == "key" && words.size() == 3)) {
      return Wrong(here, "\"active ID\", \"plain\" or \"key ID DIGITS\" is expected");
    }
    if (!plain && !IsKeyringId(words[1])) return Wrong(here, "an id has 1 to 32 characters of A-Z a-z 0-9 . _ -");
    if (plain || active) {
      if (chosen) return Wrong(here, "only one key can be active, or none with \"plain\"");
      chosen = true;
      if (active) keyring->active_ = std::string(words[1]);
      continue;
    }
    if (keyring->Find(words[1]) != nullptr) return Wrong(here, absl::StrCat("a second key \"", words[1], "\""));
    if (keyring->ids_.size() == kMaxKeyringKeys)
      return Wrong(here, absl::StrCat("more than ", kMaxKeyringKeys, " keys"));
    if (!ReadKey(words[2], keyring->keys_.get() + keyring->ids_.size() * kKeyringKeyBytes)) {
      return Wrong(here, absl::StrCat("the key \"", words[1], "\" is not 64 hexadecimal digits"));
    }
    keyring->ids_.emplace_back(words[1]);
  }
  if (!chosen) return absl::InvalidArgumentError("no key is active: a line \"active ID\" is missing");
  if (!keyring->active_.empty() && keyring->Find(keyring->active_) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the active key \"", keyring->active_, "\" is not there"));
  }
  (void)sodium_mprotect_readonly(keyring->keys_.get());
  return keyring;
}

const unsigned char* Keyring::Find(absl::string_view id) const {
  const auto found = std::find(ids_.begin(), ids_.end(), id);
  return found == ids_.end() ? nullptr
                             : keys_.get() + static_cast<std::size_t>(found - ids_.begin()) * kKeyringKeyBytes;
}

std::string NewKeyringLine(absl::string_view id) {
  std::array<unsigned char, kKeyringKeyBytes> key{};
  // sodium_bin2hex ends the digits with a NUL.
  std::array<char, 2 * kKeyringKeyBytes + 1> digits{};
  randombytes_buf(key.data(), key.size());
  sodium_bin2hex(digits.data(), digits.size(), key.data(), key.size());
  std::string line = absl::StrCat("key ", id, " ", digits.data(), "\n");
  sodium_memzero(key.data(), key.size());
  sodium_memzero(digits.data(), digits.size());
  return line;
}

void Wipe(std::string* text) {
  if (!text->empty()) sodium_memzero(&(*text)[0], text->size());
  text->clear();
}

}  // namespace authstate
