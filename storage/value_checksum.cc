#include "storage/value_checksum.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kChecksumBytes = 8;
constexpr unsigned kBitsOfByte = 8;
constexpr absl::string_view kTrailerStart("\x5A\x2A\x4D\x18\x08\0\0\0", kTrailerBytes - kChecksumBytes);

using SipKey = std::array<unsigned char, crypto_shorthash_siphashx24_KEYBYTES>;
static_assert(crypto_shorthash_siphashx24_BYTES == crypto_shorthash_siphash24_KEYBYTES);

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::uint64_t ReadTrailer(absl::string_view bytes) {
  std::uint64_t checksum = 0;
  for (std::size_t i = 0; i < kChecksumBytes; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - 1 - i]);
    checksum = checksum << kBitsOfByte | byte;
  }
  return checksum;
}

bool HasTrailer(absl::string_view bytes) {
  return bytes.size() >= kTrailerBytes && absl::StartsWith(bytes.substr(bytes.size() - kTrailerBytes), kTrailerStart);
}

}  // namespace

std::uint64_t ValueChecksum(const ValuePlace& place, const Value& value) {
  // Each part with its length, so that no two places read alike. What comes of the place is the key for the value,
  // which may be megabytes and is not copied.
  const std::string where = absl::StrCat(place.session_id.size(), ":", place.session_id, place.type.size(), ":",
                                         place.type, place.id.size(), ":", place.id, static_cast<int>(value.kind));
  SipKey key = {};
  std::array<unsigned char, crypto_shorthash_siphashx24_BYTES> key_of_place = {};
  crypto_shorthash_siphashx24(key_of_place.data(), Bytes(where), where.size(), key.data());
  std::array<unsigned char, kChecksumBytes> hash = {};
  crypto_shorthash_siphash24(hash.data(), Bytes(value.bytes), value.bytes.size(), key_of_place.data());
  std::uint64_t checksum = 0;
  for (const unsigned char byte : hash) checksum = checksum << kBitsOfByte | byte;
  return checksum;
}

void AppendTrailer(const ValuePlace& place, const Value& value, std::string* bytes) {
  absl::StrAppend(bytes, kTrailerStart);
  std::uint64_t checksum = ValueChecksum(place, value);
  for (std::size_t i = 0; i < kChecksumBytes; ++i, checksum >>= kBitsOfByte) {
    bytes->push_back(static_cast<char>(checksum));
  }
}

bool ContradictsTrailer(const ValuePlace& place, const Value& value, absl::string_view bytes) {
  return HasTrailer(bytes) && ReadTrailer(bytes) != ValueChecksum(place, value);
}

bool HasTrailerNearEnd(absl::string_view bytes) {
  const std::size_t near_end = bytes.size() - std::min(bytes.size(), kTrailerBytes + 1);
  return absl::StrContains(bytes.substr(near_end), kTrailerStart);
}

}  // namespace authstate::storage
