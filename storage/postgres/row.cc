#include "storage/postgres/row.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

absl::string_view View(const pqxx::field& field) { return {field.c_str(), field.size()}; }

}  // namespace

std::int64_t ToInt(const pqxx::field& field) {
  std::int64_t value = 0;
  // It cannot fail: the server formatted it from an integer.
  if (!absl::SimpleAtoi(View(field), &value)) return 0;
  return value;
}

bool ToBool(const pqxx::field& field) { return View(field) == "t"; }

std::string ToText(const pqxx::field& field) { return std::string(View(field)); }

absl::StatusOr<Value> ToValue(const pqxx::field& kind, const pqxx::field& hex) {
  const std::int64_t stored_kind = ToInt(kind);
  if (stored_kind != static_cast<int>(ValueKind::kRaw) && stored_kind != static_cast<int>(ValueKind::kJson)) {
    return UnknownValueKind(static_cast<int>(stored_kind));
  }
  return Value{static_cast<ValueKind>(stored_kind), absl::HexStringToBytes(View(hex))};
}

}  // namespace authstate::storage
