#include "storage/postgres/sql/row.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace authstate::storage {
namespace {

std::uint8_t Nibble(char digit) { return static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

std::vector<std::uint64_t> ToNumbers(absl::string_view text) {
  std::vector<std::uint64_t> numbers;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    std::int64_t number = 0;
    if (absl::SimpleAtoi(part, &number)) numbers.push_back(static_cast<std::uint64_t>(number));
  }
  return numbers;
}

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

void ReadNext(pqxx::row::const_iterator& field, absl::Time& value) {
  std::int64_t micros = 0;
  ReadNext(field, micros);
  value = absl::FromUnixMicros(micros);
}

void ReadNext(pqxx::row::const_iterator& field, Lease& value) {
  absl::Time expire_time;
  std::int64_t remaining = 0;
  ReadNext(field, value.fence);
  ReadNext(field, value.owner);
  ReadNext(field, expire_time);
  ReadNext(field, remaining);
  if (!value.held()) return;
  value.expire_time = expire_time;
  value.remaining = absl::Microseconds(remaining);
}

RecentCommits ToRecentCommits(absl::string_view ids, absl::string_view revisions) {
  const std::vector<std::uint64_t> id = ToNumbers(ids);
  const std::vector<std::uint64_t> revision = ToNumbers(revisions);
  RecentCommits commits;
  for (std::size_t i = std::min(id.size(), revision.size()); i-- > 0;) commits.Add(id[i], revision[i]);
  return commits;
}

std::vector<std::string> FirstColumn(const pqxx::result& rows) {
  std::vector<std::string> texts;
  for (const auto& row : rows) ReadRow(row, texts.emplace_back());
  return texts;
}

}  // namespace authstate::storage
