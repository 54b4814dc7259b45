#include "migrations/tables/sql_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace authstate::tables {

std::string QuoteName(absl::string_view name) {
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

std::string QuoteNames(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ", ", [](std::string* out, const std::string& name) { out->append(QuoteName(name)); });
}

std::string QuoteLiteral(absl::string_view text) {
  const bool escaped = absl::StrContains(text, '\\');
  std::string quoted = absl::StrReplaceAll(text, {{"'", "''"}, {"\\", "\\\\"}});
  return absl::StrCat(escaped ? "E'" : "'", quoted, "'");
}

std::string QuoteRow(const std::vector<std::optional<std::string>>& values) {
  return absl::StrCat("(",
                      absl::StrJoin(values, ", ",
                                    [](std::string* out, const std::optional<std::string>& value) {
                                      out->append(value.has_value() ? QuoteLiteral(*value) : "NULL");
                                    }),
                      ")");
}

std::string QuoteRow(const std::vector<std::string>& values) {
  return absl::StrCat(
      "(",
      absl::StrJoin(values, ", ", [](std::string* out, const std::string& value) { out->append(QuoteLiteral(value)); }),
      ")");
}

std::vector<std::string> SplitList(absl::string_view list) {
  if (list.empty()) return {};
  return absl::StrSplit(list, kListSeparator);
}

}  // namespace authstate::tables
