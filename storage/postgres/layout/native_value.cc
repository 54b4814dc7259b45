#include "storage/postgres/layout/native_value.h"

#include <cstddef>

#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/postgres/layout/value_patch.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {

absl::StatusOr<Value> ToNativeValue(const ValuePlace& place, std::int64_t kind, absl::string_view hex,
                                    const DataKey* key) {
  if (!IsPatchedKind(kind)) return UnpackValue(place, kind, FromHex(hex), key);
  const std::size_t stroke = hex.find('/');
  // No patch, as where somebody else has set the kind.
  if (stroke == absl::string_view::npos) return DamagedValue();
  return ApplyPatch(place, kind, FromHex(hex.substr(0, stroke)), FromHex(hex.substr(stroke + 1)), key);
}

}  // namespace authstate::storage
