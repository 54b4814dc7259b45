#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_ROW_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_ROW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "storage/lease.h"
#include "storage/recent_commits.h"

// Fields of a result, which come as text in every libpqxx. Pure.
namespace authstate::storage {

// The integer of a field that a statement of ours declares as one.
std::int64_t ToInt(const pqxx::field& field);

// `t` is true.
bool ToBool(const pqxx::field& field);

std::string ToText(const pqxx::field& field);

// Ends with the result.
absl::string_view ToView(const pqxx::field& field);

// The bytes of lower case hex, as encode(…, 'hex') writes it.
std::string FromHex(absl::string_view hex);

// The field as the type of `value` has it; NULL, and a text without letters, leave `value` as it is. On to the next: an
// iterator over a row is a field, and to move it costs nothing, while each row[i] counts one more user of the result.
template <typename Value>
void ReadNext(pqxx::row::const_iterator& field, Value& value) {
  if (const std::size_t size = field.size(); size > 0) {
    const absl::string_view text(field.c_str(), size);
    if constexpr (std::is_same_v<Value, bool>) {
      value = text == "t";
    } else if constexpr (std::is_integral_v<Value>) {
      // It cannot fail: the server formatted it from an integer.
      if (!absl::SimpleAtoi(text, &value)) value = 0;
    } else {
      value = Value(text);
    }
  }
  ++field;
}
// Microseconds since the Unix epoch.
void ReadNext(pqxx::row::const_iterator& field, absl::Time& value);
template <typename Value>
void ReadNext(pqxx::row::const_iterator& field, std::optional<Value>& value) {
  if (field.is_null()) {
    ++field;
  } else {
    ReadNext(field, value.emplace());
  }
}
// Takes four columns: fence, owner, expiry and time left, both in microseconds.
void ReadNext(pqxx::row::const_iterator& field, Lease& value);

// `ids` and `revisions` are newest first, with commas between.
RecentCommits ToRecentCommits(absl::string_view ids, absl::string_view revisions);

// The fields of a row in their order, each by the name of what it goes to.
template <typename... Values>
void ReadRow(const pqxx::row& row, Values&... values) {
  auto field = row.begin();
  (ReadNext(field, values), ...);
}

// The first field of every row.
std::vector<std::string> FirstColumn(const pqxx::result& rows);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_ROW_H_
