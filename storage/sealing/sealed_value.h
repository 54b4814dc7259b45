#ifndef AUTHSTATE_STORAGE_SEALING_SEALED_VALUE_H_
#define AUTHSTATE_STORAGE_SEALING_SEALED_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/checksum.h"
#include "storage/sealing/data_key.h"

// The form that packed values and patches have in a session that has a data key. Stored kinds: what the plain form has,
// 3 to 6, and four more, so 7 raw bytes, 8 JSON text, 9 and 10 the same with a patch.
//
// The four bytes of the length stay as they are, in front, as SQL reads them. What follows is sealed
// (keyring/aead.h): the tag has the place of the checksum, and is what a base is known by to its patches.
// Associated are the version of this format, the length, the stored kind, the session, the type and the id, and for a
// patch the tag of its base: so nothing can be moved to another place, nor a patch put on another base, and be taken
// for a value. In a session that has a data key nothing but sealed values is a value.
//
// Thread-safe.
namespace authstate::storage {

inline constexpr int kSealed = 4;  // What a kind has more when the value is sealed.
bool IsSealedKind(std::int64_t kind);

// `packed` is a length and a frame, without a checksum; `kind` is the one that is stored. `base_mark` is empty for what
// stands on no base.
std::string SealValue(const DataKey& key, const ValuePlace& place, int kind, absl::string_view base_mark,
                      absl::string_view packed);

// What was sealed. DataLoss with reason kCorruptValue when it was not sealed so.
absl::StatusOr<std::string> OpenValue(const DataKey& key, const ValuePlace& place, int kind,
                                      absl::string_view base_mark, absl::string_view sealed);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SEALING_SEALED_VALUE_H_
