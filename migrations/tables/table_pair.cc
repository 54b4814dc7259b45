#include "migrations/tables/table_pair.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "migrations/tables/sql_text.h"

namespace authstate::tables {
namespace {

// A column hardly has these names.
constexpr char kRow[] = "\" row\"";
constexpr char kNumber[] = "\" row number\"";
// A row of more is represented by its digest where rows are put together, which may come to 1 GB.
constexpr int kLongRow = 1000;

// `("a", "b")`, or `"a"`, by which a row is compared with a QuoteRow of as many.
std::string KeyTuple(const std::vector<std::string>& key) {
  return key.size() == 1 ? QuoteName(key.front()) : absl::StrCat("(", QuoteNames(key), ")");
}

std::string Tuple(const KeyValues& values) {
  return values.size() == 1 ? QuoteLiteral(values.front()) : QuoteRow(values);
}

// Each value as its output function writes it, quoted where need be, so that NULL, an empty text, the place of a comma
// and the end of a row all make a difference.
std::string RowText(const std::vector<std::string>& columns) {
  return absl::StrCat("ROW(", QuoteNames(columns), ")::text");
}

std::string RowDigest(const std::vector<std::string>& columns) { return absl::StrCat("md5(", RowText(columns), ")"); }

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether no two rows of `table` agree in `key`: some of these columns are unique by themselves.
bool IsUniqueBy(const Table& table, const std::vector<std::string>& key) {
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&key](const Index& index) {
    return index.plain && !index.columns.empty() &&
           std::all_of(index.columns.begin(), index.columns.end(),
                       [&key](const std::string& column) { return Has(key, column); });
  });
}

// Whether an index of `table` finds rows in the order of `key`, so that a range of them costs no scan.
bool IsIndexedBy(const Table& table, const std::vector<std::string>& key) {
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&key](const Index& index) {
    return index.plain && index.columns.size() >= key.size() &&
           std::equal(key.begin(), key.end(), index.columns.begin());
  });
}

bool HasDeferrableKey(const Table& table) {
  return std::any_of(table.constraints.begin(), table.constraints.end(),
                     [](const Constraint& constraint) { return constraint.kind == 'p' && constraint.deferrable; });
}

bool RefersTo(const Table& table, const std::string& name) {
  return std::any_of(table.constraints.begin(), table.constraints.end(), [&name](const Constraint& constraint) {
    return constraint.kind == 'f' && constraint.referenced == name;
  });
}

bool IsReferenced(const Catalogue& catalogue, const std::string& name) {
  return std::any_of(catalogue.tables.begin(), catalogue.tables.end(),
                     [&name](const auto& entry) { return RefersTo(entry.second, name); });
}

// A value that no row has, as far as chance and its type allow; empty: none is known for this type.
std::string UnusedValue(const Column& column) {
  if (!column.not_null) return "NULL";
  if (column.type == "smallint") return "(32767 - floor(random() * 1000))::int2";
  if (column.type == "integer") return "(2147483647 - floor(random() * 1000000))::int4";
  if (column.type == "bigint" || column.type == "numeric") {
    return "(9223372036854775807 - floor(random() * 1000000000)::int8)";
  }
  if (column.type == "text" || column.type == "character varying") return "md5(random()::text)";
  if (column.type == "uuid") return "gen_random_uuid()";
  return "";
}

UniqueColumns ToUnique(const Table& table, const Index& index, const std::vector<std::string>& key) {
  UniqueColumns unique{index.columns, ""};
  for (const std::string& name : index.columns) {
    const Column* const column = table.FindColumn(name);
    if (column == nullptr || Has(key, name) || !column->generated.empty()) continue;
    const std::string value = UnusedValue(*column);
    if (!value.empty()) unique.parked = absl::StrCat(QuoteName(name), " = ", value);
    // NULL offends nothing but NOT NULL.
    if (value == "NULL") break;
  }
  return unique;
}

}  // namespace

std::string TablePair::Where(const KeyRange& range) const {
  std::vector<std::string> conditions;
  if (range.after.has_value()) conditions.push_back(absl::StrCat(KeyTuple(key), " > ", Tuple(*range.after)));
  if (range.up_to.has_value()) conditions.push_back(absl::StrCat(KeyTuple(key), " <= ", Tuple(*range.up_to)));
  if (!range.buckets.empty()) {
    conditions.push_back(absl::StrCat("substr(", RowDigest(key), ", 1, ", range.buckets.front().size(), ") IN ",
                                      QuoteRow(range.buckets)));
  }
  return conditions.empty() ? "true" : absl::StrJoin(conditions, " AND ");
}

std::string TablePair::Among(const std::vector<KeyValues>& keys) const {
  return absl::StrCat(
      KeyTuple(key), " IN (",
      absl::StrJoin(keys, ", ", [](std::string* out, const KeyValues& values) { out->append(Tuple(values)); }), ")");
}

std::string TablePair::Sum(const KeyRange& range, std::size_t tag) const {
  const std::string names = QuoteNames(key);
  // OFFSET 0: the text of a row is made once.
  return absl::StrCat("SELECT ", tag, ", count(*), md5(string_agg(CASE WHEN octet_length(", kRow, ") > ", kLongRow,
                      " THEN md5(", kRow, ") ELSE ", kRow, " END, '' ORDER BY ", names, ")) FROM (SELECT ", names, ", ",
                      RowText(columns), " AS ", kRow, " FROM ", sql_name, " WHERE ", Where(range),
                      " OFFSET 0) AS \"rows\"");
}

std::string TablePair::Any(const KeyRange& range) const {
  return absl::StrCat("SELECT EXISTS (SELECT 1 FROM ", sql_name, " WHERE ", Where(range), ")");
}

std::string TablePair::AnyTwice() const {
  return absl::StrCat("SELECT EXISTS (SELECT 1 FROM ", sql_name, " GROUP BY ", QuoteNames(key),
                      " HAVING count(*) > 1)");
}

std::string TablePair::Digests(const KeyRange& range, std::size_t tag) const {
  return absl::StrCat("SELECT ", tag, ", ", QuoteNames(key), ", ", RowDigest(columns), " FROM ", sql_name, " WHERE ",
                      Where(range));
}

std::string TablePair::Borders(const KeyRange& range, std::int64_t step, std::int64_t most, std::size_t tag) const {
  const std::string names = QuoteNames(key);
  return absl::StrCat("SELECT ", tag, ", ", names, " FROM (SELECT ", names, ", row_number() OVER (ORDER BY ", names,
                      ") AS ", kNumber, " FROM (SELECT ", names, " FROM ", sql_name, " WHERE ", Where(range),
                      " ORDER BY ", names, " LIMIT ", step * most, ") AS \"page\") AS \"numbered\" WHERE ", kNumber,
                      " % ", step, " = 0");
}

std::string TablePair::BucketSums(int digits) const {
  // Sorted, so that it does not matter in which order rows are met.
  return absl::StrCat("SELECT \"bucket\", count(*), md5(string_agg(\"digest\", '' ORDER BY \"digest\" COLLATE \"C\"))",
                      " FROM (SELECT substr(", RowDigest(key), ", 1, ", digits, ") AS \"bucket\", ", RowDigest(columns),
                      " AS \"digest\" FROM ", sql_name, ") AS \"rows\" GROUP BY 1");
}

std::string TablePair::Select(const std::vector<std::string>& names, const std::vector<KeyValues>& keys) const {
  return absl::StrCat("SELECT ", QuoteNames(key), ", ", QuoteNames(names), " FROM ", sql_name, " WHERE ", Among(keys));
}

std::string TablePair::SelectAll(const KeyRange& range) const {
  return absl::StrCat("SELECT ", QuoteNames(written), " FROM ", sql_name, " WHERE ", Where(range),
                      ordered ? absl::StrCat(" ORDER BY ", QuoteNames(key)) : "");
}

std::string TablePair::Into() const { return absl::StrCat(sql_name, " (", QuoteNames(written), ")"); }

std::string TablePair::Upsert(const std::string& rows) const {
  std::vector<std::string> changes;
  for (const std::string& column : written) {
    if (!Has(key, column)) changes.push_back(absl::StrCat(QuoteName(column), " = EXCLUDED.", QuoteName(column)));
  }
  // An identity column takes what it is given.
  return absl::StrCat("INSERT INTO ", Into(), " OVERRIDING SYSTEM VALUE VALUES ", rows, " ON CONFLICT (",
                      QuoteNames(key), ") DO ",
                      changes.empty() ? "NOTHING" : absl::StrCat("UPDATE SET ", absl::StrJoin(changes, ", ")));
}

std::string TablePair::Delete(const std::vector<KeyValues>& keys) const {
  return absl::StrCat("DELETE FROM ", sql_name, " WHERE ", Among(keys));
}

std::string TablePair::DeleteSome(const KeyRange& range, std::int64_t most) const {
  return absl::StrCat("DELETE FROM ", sql_name, " WHERE ", KeyTuple(key), " IN (SELECT ", QuoteNames(key), " FROM ",
                      sql_name, " WHERE ", Where(range), " ORDER BY ", QuoteNames(key), " LIMIT ", most, ")");
}

std::string TablePair::Describe(const KeyValues& key_values) const {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < key.size() && i < key_values.size(); ++i) {
    parts.push_back(absl::StrCat(key[i], "=", key_values[i]));
  }
  return absl::StrJoin(parts, ", ");
}

absl::StatusOr<TablePair> PairTables(const Catalogue& from, const Catalogue& to, const std::string& name) {
  const Table& source = *from.FindTable(name);
  const Table& target = *to.FindTable(name);
  TablePair pair;
  pair.name = name;
  pair.sql_name = absl::StrCat(QuoteName(from.schema), ".", QuoteName(name));
  pair.key = target.primary_key();
  if (pair.key.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": it has no primary key in the target"));
  }
  if (HasDeferrableKey(target)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": its primary key in the target is deferrable, and ON CONFLICT cannot go by it"));
  }
  for (const std::string& column : pair.key) {
    if (source.FindColumn(column) != nullptr) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": the source has no column ", column, ", which is in the primary key of the target"));
  }
  pair.unique = IsUniqueBy(source, pair.key);
  pair.ordered = pair.unique || IsIndexedBy(source, pair.key);
  for (const std::string& column : pair.key) {
    const Column* const here = source.FindColumn(column);
    const Column* const there = target.FindColumn(column);
    if (here == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat(name, ": the source has not ", column, ", of the primary key of the target"));
    }
    pair.ordered = pair.ordered && here->ordered && there->ordered && here->type == there->type;
  }
  for (const Column& column : source.columns) {
    const Column* const there = target.FindColumn(column.name);
    if (there == nullptr) continue;
    pair.columns.push_back(column.name);
    if (!there->generated.empty()) continue;
    pair.written.push_back(column.name);
    pair.types.push_back(there->type);
  }
  for (const Index& index : target.indexes) {
    // Where the source may have the same values twice, to take them from one row would only move the trouble.
    if (index.plain && index.columns != pair.key && IsUniqueBy(source, index.columns)) {
      pair.uniques.push_back(ToUnique(target, index, pair.key));
    }
  }
  pair.estimate = source.rows;
  pair.referenced = IsReferenced(to, name);
  pair.refers_to_itself = RefersTo(target, name);
  return pair;
}

absl::Status KeyTwice(const TablePair& pair) {
  return absl::FailedPreconditionError(absl::StrCat(pair.name, ": rows of the source agree in (",
                                                    absl::StrJoin(pair.key, ", "), "), the primary key of the target"));
}

}  // namespace authstate::tables
