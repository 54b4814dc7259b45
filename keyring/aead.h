#ifndef AUTHSTATE_KEYRING_AEAD_H_
#define AUTHSTATE_KEYRING_AEAD_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). What is sealed is a nonce of 24 random bytes, as many bytes as there
// were, encrypted, and a tag of 16. Nonces of that size may be drawn at random however often one key is used.
// Thread-safe.
namespace authstate {

inline constexpr std::size_t kSealKeyBytes = 32;
inline constexpr std::size_t kSealNonceBytes = 24;
inline constexpr std::size_t kSealTagBytes = 16;

// `associated` is not part of what is sealed, and has to be the same where it is opened.
void AppendSealed(const unsigned char* key, absl::string_view associated, absl::string_view plain, std::string* to);

// nullopt when it was not sealed so: a byte is another, the key, or what is associated.
std::optional<std::string> OpenSealed(const unsigned char* key, absl::string_view associated, absl::string_view sealed);

}  // namespace authstate

#endif  // AUTHSTATE_KEYRING_AEAD_H_
