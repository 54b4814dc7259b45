#ifndef AUTHSTATE_CLIENT_CLI_CHECK_CURVE25519_H_
#define AUTHSTATE_CLIENT_CLI_CHECK_CURVE25519_H_

#include <string>

#include "absl/strings/string_view.h"

// The keys and signatures of Signal, checked with libsodium; what it lacks, an inversion, is OpenSSL's. Pure.
namespace authstate::cli {

inline constexpr std::size_t kCurveKeyBytes = 32;
inline constexpr std::size_t kCurveSignatureBytes = 64;

// The X25519 public key of a private one. Both have 32 bytes.
std::string PublicKeyOf(absl::string_view private_key);

// Whether `signature`, of 64 bytes, is that of `message` by the owner of `public_key`, of 32 bytes: XEdDSA, as
// https://signal.org/docs/specifications/xeddsa has it, with the sign of the Edwards key in the top bit. Baileys'
// own Curve.verify, which is libsignal-node's, also lets wrong ones pass.
bool IsSignedBy(absl::string_view public_key, absl::string_view message, absl::string_view signature);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_CHECK_CURVE25519_H_
