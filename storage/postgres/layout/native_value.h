#ifndef AUTHSTATE_STORAGE_POSTGRES_LAYOUT_NATIVE_VALUE_H_
#define AUTHSTATE_STORAGE_POSTGRES_LAYOUT_NATIVE_VALUE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"
#include "storage/checksum.h"
#include "storage/sealing/data_key.h"

namespace authstate::storage {

// The value stored at `place` in the native layout, from its kind and its bytes in hex, those of its base and of its
// patch divided by a stroke where it is patched. `key` is that of the session; null: it has none. DataLoss as
// UnpackValue and ApplyPatch. Pure.
absl::StatusOr<Value> ToNativeValue(const ValuePlace& place, std::int64_t kind, absl::string_view hex,
                                    const DataKey* key);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_LAYOUT_NATIVE_VALUE_H_
