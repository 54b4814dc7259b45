#include "storage/postgres/sql/row.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace authstate::storage {
namespace {

std::uint8_t Nibble(char digit) { return static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

}  // namespace

// abseil's decoder has changed its form between the versions we build with.
std::string FromHex(absl::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] = static_cast<char>(Nibble(hex[2 * at]) << 4U | Nibble(hex[2 * at + 1]));
  }
  return bytes;
}

absl::string_view ToView(const pqxx::field& field) { return {field.c_str(), field.size()}; }

std::int64_t ToInt(const pqxx::field& field) {
  std::int64_t value = 0;
  // It cannot fail: the server formatted it from an integer.
  if (!absl::SimpleAtoi(ToView(field), &value)) return 0;
  return value;
}

bool ToBool(const pqxx::field& field) { return ToView(field) == "t"; }

std::string ToText(const pqxx::field& field) { return std::string(ToView(field)); }

std::string ToBytes(const pqxx::field& field) { return FromHex(ToView(field)); }

Lease ToLease(const pqxx::row& row, int fence_column) {
  Lease lease;
  lease.fence = ToUint(row[fence_column]);
  lease.owner = ToText(row[fence_column + 1]);
  if (!lease.held()) return lease;
  lease.expire_time = absl::FromUnixMicros(ToInt(row[fence_column + 2]));
  lease.remaining = absl::Microseconds(ToInt(row[fence_column + 3]));
  return lease;
}

}  // namespace authstate::storage
