#ifndef AUTHSTATE_STORAGE_PACKED_VALUE_H_
#define AUTHSTATE_STORAGE_PACKED_VALUE_H_

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/limits.h"
#include "contract/value.h"
#include "storage/checksum.h"
#include "storage/sealing/data_key.h"

// The form that values have in the tables of our own (migrations/postgres, migrations/sqlite): long ones are
// compressed, and each has a checksum that holds for its place alone. A Signal session grows by 105 bytes a turn and is
// rewritten whole on every message; what is not written twice a message need not be synced, replicated or backed up.
//
// Stored kinds: 3 raw bytes and 4 JSON text. Their bytes are the length of the value (4 bytes, most significant first),
// which SQL reads to keep the bounds of an answer, then one frame of Zstandard (RFC 8878), then the checksum
// (storage/checksum.h), over which servers of earlier versions pass. What those have written may lack the
// checksum, and may be stored as it is, with the kinds of contract/value.h.
//
// In a session that has a data key the frame is sealed, which takes the place of the checksum
// (storage/sealing/sealed_value.h).
namespace authstate::storage {

// Values below this are framed and not compressed. Measured on what Baileys stores: a session of 100 turns shrinks from
// 11.3 kB to 4.0 kB, a fresh one from 886 to 566 bytes, a pre-key from 164 to 153. With a dictionary trained on
// pre-keys that would be 100, a quarter of their rows; they are written once, and it would have to be kept for ever.
inline constexpr std::size_t kPackFrom = 512;

// What a value is longer by, at most, where key ids are hidden (storage/sealing/hidden_names.h), and the most that one
// can have with it.
inline constexpr std::size_t kMaxHiddenIdBytes = 2 + kMaxKeyIdBytes;
inline constexpr std::size_t kMaxStoredValueBytes = kMaxValueBytes + kMaxHiddenIdBytes;

struct PackedValue {
  std::int16_t kind = 0;
  std::string bytes;
};

// `key` is that of the session; null: it has none. Thread-safe.
PackedValue PackValue(const ValuePlace& place, const Value& value, const DataKey* key = nullptr);

// DataLoss with reason kCorruptValue when `kind` is none, or the bytes are not what PackValue makes for that place with
// that key. Thread-safe.
absl::StatusOr<Value> UnpackValue(const ValuePlace& place, std::int64_t kind, std::string bytes,
                                  const DataKey* key = nullptr);

// The bytes of a value of kind 3 or 4, unchecked against any place; or of what was compressed relative to `prefix`, if
// it is not empty. DataLoss as above. Thread-safe.
absl::StatusOr<std::string> UnpackBytes(absl::string_view packed, absl::string_view prefix = "");

// How many bytes UnpackValue makes of these, as far as can be told without doing it.
std::size_t UnpackedSize(std::int64_t kind, absl::string_view bytes);

// For others who make such bytes: the length that they begin with, and a context, which is half a megabyte, and so dear
// to make for each value.
inline constexpr std::size_t kLengthBytes = 4;
void AppendLength(std::size_t length, std::string* to);
// What stands at the end of both: the checksum of the value or, with a key, the seal, and the kind that goes with that.
// `base_mark` is what a patch stands on.
void Finish(const ValuePlace& place, const Value& value, absl::string_view base_mark, const DataKey* key,
            PackedValue* packed);
using CompressionContext = std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)>;
CompressionContext NewCompressionContext(int level);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_PACKED_VALUE_H_
