#ifndef AUTHSTATE_STORAGE_POSTGRES_LAYOUT_VALUE_PATCH_H_
#define AUTHSTATE_STORAGE_POSTGRES_LAYOUT_VALUE_PATCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"
#include "storage/checksum.h"
#include "storage/packed_value.h"

// What has changed in a long value since it was last written whole. A Signal session of 100 kB holds 30 kB of random
// public keys, which no compression makes less, and a message changes a few hundred bytes of it: rewritten whole it is
// 38 kB in the log of the database, as a patch about one.
//
// A patched value has the kind 5 (raw bytes) or 6 (JSON text), and two parts: its base, which is the packed form
// (storage/packed_value.h, kinds 3 and 4) of the value as it was then, and its patch. That is the length of the value
// (4 bytes, most significant first), then one frame of Zstandard (RFC 8878), made with the base's unpacked bytes as
// prefix, then the checksum of the value (storage/checksum.h). Every patch is relative to the base, never to
// another patch. In a session that has a data key both are sealed (storage/sealing/sealed_value.h), the kinds are 9 and
// 10, and the patch opens on its own base alone.
namespace authstate::storage {

// Packed values below this are always written whole.
inline constexpr std::size_t kPatchFrom = std::size_t{8} << 10;
// The same in a commit that carries another store's revision over (Commit::carried). Nobody waits for it, and of many
// commits it has the last value alone: what it costs the log weighs more than the time of the processor. From here on
// PostgreSQL keeps a value outside of its row, where an update of the patch leaves it as it is.
inline constexpr std::size_t kPatchCarriedFrom = std::size_t{2} << 10;
// Unpacked values above this, likewise.
inline constexpr std::size_t kPatchUpTo = std::size_t{1} << 20;
// A patch is worth it while it is at most this share of its base: what is written for a base and all its patches is
// then least for values that grow evenly, about, and a read loads little more than the value.
inline constexpr std::size_t kLeastBasesPerPatch = 4;
// How many bytes at the end of a base it is known by: the checksum of what it holds, or the tag of its seal.
inline constexpr std::size_t kBaseMarkBytes = kTrailerBytes;
static_assert(kBaseMarkBytes == kSealTagBytes);

// Whether a value that was packed so (PackedValue) can be the base of patches, where those begin at `from` bytes.
bool MayBeBase(std::int64_t kind, absl::string_view packed, std::size_t from = kPatchFrom);

// What a base is known by, among all values that a key has had. Of one that MayBeBase.
absl::string_view BaseMark(absl::string_view base);

// The patch that makes `value` of the base; nullopt when the value had better be written whole. `key` is that of the
// session, with which the base was packed; null: it has none. Thread-safe.
std::optional<PackedValue> MakePatch(const ValuePlace& place, absl::string_view base, const Value& value,
                                     const DataKey* key = nullptr);

bool IsPatchedKind(std::int64_t kind);

// DataLoss with reason kCorruptValue when `kind` is none of a patched value, or base and patch are not what MakePatch
// had and made for that place with that key. Thread-safe.
absl::StatusOr<Value> ApplyPatch(const ValuePlace& place, std::int64_t kind, absl::string_view base,
                                 absl::string_view patch, const DataKey* key = nullptr);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_LAYOUT_VALUE_PATCH_H_
