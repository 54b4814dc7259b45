#ifndef AUTHSTATE_STORAGE_CHECKSUM_H_
#define AUTHSTATE_STORAGE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "contract/value.h"

// What stored state is checked by: a damaged byte, or a row that answers for another, must never read as a value.
// SipHash-2-4 (https://www.aumasson.jp/siphash/siphash.pdf), which misses a change of any kind once in 2^64. Its key is
// known: this finds damage, not forgery. Thread-safe.
namespace authstate::storage {

// Where a value stands.
struct ValuePlace {
  absl::string_view session_id;
  // Both are empty for creds.
  absl::string_view type;
  absl::string_view id;
};

std::uint64_t ValueChecksum(const ValuePlace& place, const Value& value);

// A checksum travels at the end of stored bytes as a skippable frame of Zstandard (RFC 8878, 3.1.2), which
// decompression passes over: its magic number 0x184D2A5A, its length, 8, and the checksum, each least significant byte
// first.
inline constexpr std::size_t kTrailerBytes = 16;
void AppendTrailer(const ValuePlace& place, const Value& value, std::string* bytes);

// Whether `bytes` end with a trailer and it is not that of the value. What was written by a version before has none.
bool ContradictsTrailer(const ValuePlace& place, const Value& value, absl::string_view bytes);
// Whether a trailer stands at the end of `bytes` or a byte from there: where those are taken for a value itself, they
// are none.
bool HasTrailerNearEnd(absl::string_view bytes);

// What the creds or a key count in the sum over the names of all that a session has, from 2^32 to 2^33: what is
// missing, or stands there under another name, changes the sum. 0: nothing.
std::int64_t NameNumber(absl::string_view type, absl::string_view id);

// 16 bytes, of a record.
inline constexpr std::size_t kRecordChecksumBytes = 16;
std::string RecordChecksum(absl::string_view record);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_CHECKSUM_H_
