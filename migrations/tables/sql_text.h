#ifndef AUTHSTATE_MIGRATIONS_TABLES_SQL_TEXT_H_
#define AUTHSTATE_MIGRATIONS_TABLES_SQL_TEXT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Names and values as SQL text. The statements of this room name tables that are known at run time alone, so they are
// put together; everything that is not a constant of ours goes through here. Pure and thread-safe.
namespace authstate::tables {

// `"name"`.
std::string QuoteName(absl::string_view name);

// `"a", "b"`.
std::string QuoteNames(const std::vector<std::string>& names);

// `'text'`, or `E'text'` where it has a backslash: the same whatever standard_conforming_strings says. Without a type:
// PostgreSQL reads it as the column beside it is read.
std::string QuoteLiteral(absl::string_view text);

// `('a', 'b')`; NULL for nullopt.
std::string QuoteRow(const std::vector<std::optional<std::string>>& values);
std::string QuoteRow(const std::vector<std::string>& values);

// What catalogue statements put between the members of a list: no name has it.
inline constexpr char kListSeparator = '\x1f';

// The members of such a list; none of an empty one.
std::vector<std::string> SplitList(absl::string_view list);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_SQL_TEXT_H_
