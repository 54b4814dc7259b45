#include "storage/checksum.h"

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

constexpr std::array<unsigned char, crypto_shorthash_siphash24_KEYBYTES> kKey = {};
static_assert(crypto_shorthash_siphashx24_KEYBYTES == kKey.size());
static_assert(crypto_shorthash_siphashx24_BYTES == kKey.size() && kRecordChecksumBytes == kKey.size());

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::uint64_t Hash(absl::string_view text, const unsigned char* key) {
  std::array<unsigned char, kChecksumBytes> bytes = {};
  crypto_shorthash_siphash24(bytes.data(), Bytes(text), text.size(), key);
  std::uint64_t hash = 0;
  for (const unsigned char byte : bytes) hash = hash << kBitsOfByte | byte;
  return hash;
}

// Each part with its length, so that no two read alike.
std::string NameOf(absl::string_view type, absl::string_view id) {
  return absl::StrCat(type.size(), ":", type, id.size(), ":", id);
}

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
  // What comes of the place is the key for the value, which may be megabytes and is not copied.
  const std::string key = RecordChecksum(absl::StrCat(place.session_id.size(), ":", place.session_id,
                                                      NameOf(place.type, place.id), static_cast<int>(value.kind)));
  return Hash(value.bytes, Bytes(key));
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

std::int64_t NameNumber(absl::string_view type, absl::string_view id) {
  constexpr std::int64_t kLeast = std::int64_t{1} << 32;
  return kLeast + static_cast<std::uint32_t>(Hash(NameOf(type, id), kKey.data()));
}

std::string RecordChecksum(absl::string_view record) {
  std::string checksum(kRecordChecksumBytes, '\0');
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(checksum.data()), Bytes(record), record.size(),
                              kKey.data());
  return checksum;
}

bool HasTrailerNearEnd(absl::string_view bytes) {
  const std::size_t near_end = bytes.size() - std::min(bytes.size(), kTrailerBytes + 1);
  return absl::StrContains(bytes.substr(near_end), kTrailerStart);
}

}  // namespace authstate::storage
