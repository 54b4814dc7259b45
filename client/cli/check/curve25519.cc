#include "client/cli/check/curve25519.h"

#include <openssl/bn.h>
#include <sodium.h>

#include <array>
#include <cstdint>
#include <memory>

namespace authstate::cli {
namespace {

constexpr unsigned char kSignBit = 0x80;

struct Free {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using Number = std::unique_ptr<BIGNUM, Free>;

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// The Edwards y of the point whose Montgomery u is given, (u - 1) / (u + 1) mod 2^255 - 19. False where there is none.
bool ToEdwards(absl::string_view montgomery, std::array<unsigned char, kCurveKeyBytes>* edwards) {
  const std::unique_ptr<BN_CTX, Free> context(BN_CTX_new());
  const Number prime(BN_new());
  const Number point(BN_lebin2bn(Bytes(montgomery), kCurveKeyBytes, nullptr));
  const Number above(BN_new());
  const Number inverse(BN_new());
  constexpr int kPrimeBits = 255;
  constexpr BN_ULONG kPrimeGap = 19;
  return BN_set_bit(prime.get(), kPrimeBits) == 1 && BN_sub_word(prime.get(), kPrimeGap) == 1 &&
         BN_copy(above.get(), point.get()) != nullptr && BN_add_word(above.get(), 1) == 1 &&
         BN_mod_inverse(inverse.get(), above.get(), prime.get(), context.get()) != nullptr &&
         BN_sub_word(point.get(), 1) == 1 &&
         BN_mod_mul(point.get(), point.get(), inverse.get(), prime.get(), context.get()) == 1 &&
         BN_bn2lebinpad(point.get(), edwards->data(), kCurveKeyBytes) == kCurveKeyBytes;
}

}  // namespace

std::string PublicKeyOf(absl::string_view private_key) {
  std::string public_key(crypto_scalarmult_BYTES, '\0');
  (void)crypto_scalarmult_base(reinterpret_cast<unsigned char*>(public_key.data()), Bytes(private_key));
  return public_key;
}

bool IsSignedBy(absl::string_view public_key, absl::string_view message, absl::string_view signature) {
  if (public_key.size() != kCurveKeyBytes || signature.size() != kCurveSignatureBytes) return false;
  std::array<unsigned char, kCurveKeyBytes> edwards{};
  if (!ToEdwards(public_key, &edwards)) return false;
  std::string unsigned_half(signature);
  const auto last = static_cast<unsigned char>(unsigned_half.back());
  edwards.back() = static_cast<unsigned char>(edwards.back() | (last & kSignBit));
  unsigned_half.back() = static_cast<char>(last & ~kSignBit);
  return crypto_sign_verify_detached(Bytes(unsigned_half), Bytes(message), message.size(), edwards.data()) == 0;
}

}  // namespace authstate::cli
