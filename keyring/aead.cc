#include "keyring/aead.h"

#include <sodium.h>

namespace authstate {
namespace {

static_assert(kSealKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(kSealNonceBytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(kSealTagBytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string* text, std::size_t at) { return reinterpret_cast<unsigned char*>(&(*text)[at]); }

}  // namespace

void AppendSealed(const unsigned char* key, absl::string_view associated, absl::string_view plain, std::string* to) {
  const std::size_t start = to->size();
  to->resize(start + kSealNonceBytes + plain.size() + kSealTagBytes);
  unsigned char* const nonce = Bytes(to, start);
  randombytes_buf(nonce, kSealNonceBytes);
  // It cannot fail.
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kSealNonceBytes, nullptr, Bytes(plain), plain.size(),
                                             Bytes(associated), associated.size(), nullptr, nonce, key);
}

std::optional<std::string> OpenSealed(const unsigned char* key, absl::string_view associated,
                                      absl::string_view sealed) {
  if (sealed.size() < kSealNonceBytes + kSealTagBytes) return std::nullopt;
  std::string plain(sealed.size() - kSealNonceBytes - kSealTagBytes, '\0');
  const absl::string_view encrypted = sealed.substr(kSealNonceBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(Bytes(&plain, 0), nullptr, nullptr, Bytes(encrypted), encrypted.size(),
                                                 Bytes(associated), associated.size(), Bytes(sealed), key) != 0) {
    return std::nullopt;
  }
  return plain;
}

}  // namespace authstate
