#include "storage/postgres/layout/native_value.h"

#include <cstddef>

#include "absl/strings/string_view.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/postgres/layout/value_patch.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {

absl::StatusOr<Value> ToNativeValue(const ValuePlace& place, const pqxx::field& kind, const pqxx::field& hex) {
  const absl::string_view bytes = ToView(hex);
  if (!IsPatchedKind(ToInt(kind))) return UnpackValue(place, ToInt(kind), FromHex(bytes));
  const std::size_t stroke = bytes.find('/');
  // No patch, as where somebody else has set the kind.
  if (stroke == absl::string_view::npos) return DamagedValue();
  return ApplyPatch(place, ToInt(kind), FromHex(bytes.substr(0, stroke)), FromHex(bytes.substr(stroke + 1)));
}

}  // namespace authstate::storage
