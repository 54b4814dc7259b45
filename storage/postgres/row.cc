#include "storage/postgres/row.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/value_patch.h"

namespace authstate::storage {
namespace {

absl::string_view View(const pqxx::field& field) { return {field.c_str(), field.size()}; }

std::uint8_t Nibble(char digit) { return static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

// Of encode(…, 'hex'), which writes lower case. abseil's decoder has changed its form between the versions we build
// with.
std::string FromHex(absl::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] = static_cast<char>(Nibble(hex[2 * at]) << 4U | Nibble(hex[2 * at + 1]));
  }
  return bytes;
}

}  // namespace

std::int64_t ToInt(const pqxx::field& field) {
  std::int64_t value = 0;
  // It cannot fail: the server formatted it from an integer.
  if (!absl::SimpleAtoi(View(field), &value)) return 0;
  return value;
}

bool ToBool(const pqxx::field& field) { return View(field) == "t"; }

std::string ToText(const pqxx::field& field) { return std::string(View(field)); }

std::string ToBytes(const pqxx::field& field) { return FromHex(View(field)); }

absl::StatusOr<Value> ToValue(const ValuePlace& place, const pqxx::field& kind, const pqxx::field& hex) {
  const absl::string_view bytes = View(hex);
  if (!IsPatchedKind(ToInt(kind))) return UnpackValue(place, ToInt(kind), FromHex(bytes));
  const std::size_t stroke = bytes.find('/');
  // No patch, as where somebody else has set the kind.
  if (stroke == absl::string_view::npos) return DamagedValue();
  return ApplyPatch(place, ToInt(kind), FromHex(bytes.substr(0, stroke)), FromHex(bytes.substr(stroke + 1)));
}

Lease ToLease(const pqxx::row& row, int fence_column) {
  Lease lease;
  lease.fence = static_cast<std::uint64_t>(ToInt(row[fence_column]));
  lease.owner = ToText(row[fence_column + 1]);
  if (!lease.held()) return lease;
  lease.expire_time = absl::FromUnixMicros(ToInt(row[fence_column + 2]));
  lease.remaining = absl::Microseconds(ToInt(row[fence_column + 3]));
  return lease;
}

}  // namespace authstate::storage
