#include "tokens/token.h"

#include <sodium.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace authstate::tokens {
namespace {

constexpr absl::string_view kStart = "as_";
constexpr char kDivider = '_';
constexpr absl::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kTextBytes = kStart.size() + kIdBytes + 1 + kSecretBytes;
constexpr std::size_t kHashKeyBytes = crypto_generichash_KEYBYTES;
constexpr std::size_t kHashBytes = crypto_generichash_BYTES;
static_assert(kHashKeyBytes == 32 && kHashBytes == 32, "as storage/grant.h says");

unsigned char* Bytes(std::string* text) { return reinterpret_cast<unsigned char*>(text->data()); }
const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string RandomBytes(std::size_t size) {
  // Chooses the fastest code for this processor; what else the library needs of it, it does by itself.
  static const int ready = sodium_init();
  (void)ready;
  std::string bytes(size, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

std::string RandomText(std::size_t size) {
  std::string text = RandomBytes(size);
  // 32 divides 256, so that every character is as likely.
  for (char& character : text) character = kAlphabet[static_cast<unsigned char>(character) % kAlphabet.size()];
  return text;
}

bool IsOfAlphabet(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::StrContains(kAlphabet, c); });
}

}  // namespace

std::string NewId() { return RandomText(kIdBytes); }

bool IsId(absl::string_view text) { return text.size() == kIdBytes && IsOfAlphabet(text); }

Token Token::New(std::string id) { return {std::move(id), RandomText(kSecretBytes)}; }

std::optional<Token> Token::Parse(absl::string_view text) {
  if (text.size() != kTextBytes || !absl::StartsWith(text, kStart)) return std::nullopt;
  const absl::string_view id = text.substr(kStart.size(), kIdBytes);
  const absl::string_view secret = text.substr(kTextBytes - kSecretBytes);
  if (text[kStart.size() + kIdBytes] != kDivider || !IsId(id) || !IsOfAlphabet(secret)) return std::nullopt;
  return Token(std::string(id), std::string(secret));
}

Token& Token::operator=(Token&& other) noexcept {
  if (this == &other) return *this;
  Wipe(&secret_);
  id_ = std::move(other.id_);
  secret_ = std::move(other.secret_);
  return *this;
}

std::string Token::Text() const { return absl::StrCat(kStart, id_, absl::string_view(&kDivider, 1), secret_); }

void Token::PutInto(storage::Grant* grant) const {
  grant->id = id_;
  grant->hash_key = RandomBytes(kHashKeyBytes);
  grant->hash = HashUnder(grant->hash_key);
}

bool Token::Matches(const storage::Grant* grant) const {
  static const std::string nobody(kHashKeyBytes, '\0');
  const bool has_hash = grant != nullptr && grant->hash_key.size() == kHashKeyBytes && grant->hash.size() == kHashBytes;
  const std::string hash = HashUnder(has_hash ? grant->hash_key : nobody);
  const bool equal = sodium_memcmp(hash.data(), (has_hash ? grant->hash : nobody).data(), kHashBytes) == 0;
  return has_hash && equal && grant->id == id_;
}

void Token::Wipe(std::string* text) {
  sodium_memzero(text->data(), text->size());
  text->clear();
}

std::string Token::HashUnder(absl::string_view key) const {
  std::string hash(kHashBytes, '\0');
  (void)crypto_generichash(Bytes(&hash), hash.size(), Bytes(secret_), secret_.size(), Bytes(key), key.size());
  return hash;
}

}  // namespace authstate::tokens
