#include "migrations/tables/broken_key.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "migrations/tables/sql_text.h"

namespace authstate::tables {
namespace {

std::string Select(const Catalogue& catalogue, const BrokenKey& broken, const std::vector<std::string>& columns,
                   std::size_t most) {
  const Constraint& constraint = *broken.constraint;
  std::vector<std::string> conditions;
  std::vector<std::string> meets;
  for (std::size_t i = 0; i < constraint.columns.size(); ++i) {
    const std::string column = absl::StrCat("x.", QuoteName(constraint.columns[i]));
    conditions.push_back(absl::StrCat(column, " IS NOT NULL"));
    meets.push_back(absl::StrCat("r.", QuoteName(constraint.referenced_columns[i]), " = ", column));
  }
  const std::string prefix = absl::StrCat(QuoteName(catalogue.schema), ".");
  return absl::StrCat(
      "SELECT DISTINCT ",
      absl::StrJoin(columns, ", ",
                    [](std::string* out, const std::string& name) { absl::StrAppend(out, "x.", QuoteName(name)); }),
      " FROM ", prefix, QuoteName(broken.table), " AS x WHERE ", absl::StrJoin(conditions, " AND "),
      " AND NOT EXISTS (SELECT 1 FROM ", prefix, QuoteName(constraint.referenced), " AS r WHERE ",
      absl::StrJoin(meets, " AND "), ") LIMIT ", most);
}

}  // namespace

BrokenKey FindBrokenKey(const Catalogue& catalogue, const DbError& error) {
  for (const auto& [name, table] : catalogue.tables) {
    const bool its = name == error.table ||
                     std::any_of(table.partitions.begin(), table.partitions.end(),
                                 [&error](const Partition& partition) { return partition.name == error.table; });
    const Constraint* const constraint = its ? table.FindConstraint('f', error.constraint) : nullptr;
    if (constraint != nullptr && !constraint->referenced.empty()) return {name, constraint};
  }
  return {};
}

std::string PointingAtNothing(const Catalogue& catalogue, const BrokenKey& broken, const std::vector<std::string>& key,
                              std::size_t most) {
  return Select(catalogue, broken, key, most);
}

std::string PointedAt(const Catalogue& catalogue, const BrokenKey& broken, const std::vector<std::string>& key,
                      std::size_t most) {
  const std::vector<std::string>& referenced = broken.constraint->referenced_columns;
  std::vector<std::string> columns;
  for (const std::string& column : key) {
    const auto place = std::find(referenced.begin(), referenced.end(), column);
    if (place == referenced.end()) return "";
    columns.push_back(broken.constraint->columns[place - referenced.begin()]);
  }
  return Select(catalogue, broken, columns, most);
}

}  // namespace authstate::tables
