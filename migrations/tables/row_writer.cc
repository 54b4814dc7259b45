#include "migrations/tables/row_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "migrations/tables/sql_text.h"
#include "storage/postgres/connection/sqlstate.h"

namespace authstate::tables {
namespace {

constexpr char kUniqueViolation[] = "23505";
// Rows of a whole range that are deleted by one statement.
constexpr std::int64_t kDeletedAtOnce = 1000;

// Whether other rows of the same statement may do better.
bool IsOfOneRow(const DbError& error) {
  return !error.overran && storage::MayBeOneMembersFault(error.sqlstate) && !absl::StartsWith(error.sqlstate, "XX");
}

// Whether `text` has more characters than a `character varying(20)` or `character(5)` takes.
bool IsTooLong(absl::string_view text, absl::string_view type) {
  const std::size_t open = type.find('(');
  std::size_t most = 0;
  if (!absl::StartsWith(type, "character") || open == absl::string_view::npos) return false;
  if (!absl::SimpleAtoi(type.substr(open + 1, type.find(')') - open - 1), &most)) return false;
  const auto characters = std::count_if(text.begin(), text.end(), [](char byte) { return (byte & '\xC0') != '\x80'; });
  return static_cast<std::size_t>(characters) > most;
}

}  // namespace

absl::Status TooManyRefused(std::size_t most) {
  return absl::DataLossError(absl::StrCat("more than ", most, " rows were refused (--max-errors)"));
}

absl::StatusOr<bool> RowWriter::CopyRange(const KeyRange& range) {
  std::int64_t copied = 0;
  const auto error = from_.CopyTo(to_, pair_.SelectAll(range), pair_.Into(), &copied);
  counts_.copied += copied;
  if (!error.has_value()) return true;
  // Whatever it was, row by row it is tried again, or told.
  const bool full = error->fault == storage::Fault::kDiskFull;
  if (full || error->sqlstate == "42501") return ToStatus(*error, "cannot write to", to_.title());
  return false;
}

absl::StatusOr<std::vector<RowWriter::Row>> RowWriter::Fetch(const std::vector<KeyValues>& keys) {
  const absl::StatusOr<Rows> found = from_.Read(pair_.Select(pair_.written, keys));
  if (!found.ok()) return found.status();
  std::vector<Row> rows(found->size());
  const int key_size = static_cast<int>(pair_.key.size());
  for (int i = 0; i < found->size(); ++i) {
    Row& row = rows[i];
    for (int column = 0; column < key_size; ++column) row.key.push_back(found->Text(i, column));
    for (int column = key_size; column < found->columns(); ++column) {
      row.bytes += found->View(i, column).size();
      row.values.push_back(found->Value(i, column));
    }
  }
  // Two writers that lock rows in one order do not wait for each other.
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
  return rows;
}

absl::Status RowWriter::CopyRows(const std::vector<KeyValues>& keys) {
  for (std::size_t first = 0; first < keys.size();) {
    const std::size_t last = std::min(first + at_once_, keys.size());
    const absl::StatusOr<std::vector<Row>> rows = Fetch({keys.begin() + first, keys.begin() + last});
    if (!rows.ok()) return rows.status();
    std::size_t bytes = 0;
    auto begin = rows->begin();
    for (auto row = rows->begin(); row != rows->end(); ++row) {
      if (row != begin && bytes + row->bytes > limits_.bytes) {
        if (absl::Status put = Put({begin, row}); !put.ok()) return put;
        begin = row;
        bytes = 0;
      }
      bytes += row->bytes;
    }
    if (absl::Status put = Put({begin, rows->end()}); !put.ok()) return put;
    at_once_ =
        bytes > limits_.bytes / 2 ? std::max<std::size_t>(1, at_once_ / 2) : std::min(2 * at_once_, limits_.rows);
    first = last;
  }
  return absl::OkStatus();
}

absl::Status RowWriter::Put(Span rows) {
  const std::size_t count = rows.second - rows.first;
  if (count == 0) return absl::OkStatus();
  const std::string upsert = pair_.Upsert(absl::StrJoin(
      rows.first, rows.second, ", ", [](std::string* out, const Row& row) { out->append(QuoteRow(row.values)); }));
  std::optional<DbError> error = to_.Write(upsert);
  if (error.has_value() && error->sqlstate == kUniqueViolation) {
    const std::string room = MakeRoom(rows);
    if (!room.empty() && !to_.Write(absl::StrCat(room, upsert)).has_value()) error.reset();
  }
  if (!error.has_value()) {
    counts_.copied += static_cast<std::int64_t>(count);
    return absl::OkStatus();
  }
  if (!IsOfOneRow(*error)) return ToStatus(*error, absl::StrCat("cannot write ", pair_.name, " to"), to_.title());
  if (count == 1) return Refuse(*rows.first, *error);
  const auto middle = rows.first + static_cast<std::ptrdiff_t>(count / 2);
  if (absl::Status put = Put({rows.first, middle}); !put.ok()) return put;
  return Put({middle, rows.second});
}

std::string RowWriter::MakeRoom(Span rows) const {
  std::string statements;
  for (const UniqueColumns& unique : pair_.uniques) {
    std::vector<std::size_t> places;
    for (const std::string& column : unique.columns) {
      const auto place = std::find(pair_.written.begin(), pair_.written.end(), column);
      if (place != pair_.written.end()) places.push_back(place - pair_.written.begin());
    }
    if (places.size() != unique.columns.size()) continue;
    // Who has what these rows want, and is none of them as it should be.
    std::vector<std::string> wanted;
    std::vector<std::string> own;
    for (auto row = rows.first; row != rows.second; ++row) {
      std::vector<std::optional<std::string>> values;
      for (const std::size_t place : places) values.push_back(row->values[place]);
      wanted.push_back(QuoteRow(values));
      values.insert(values.end(), row->key.begin(), row->key.end());
      own.push_back(QuoteRow(values));
    }
    const std::string columns = QuoteNames(unique.columns);
    const std::string where =
        absl::StrCat(" WHERE (", columns, ") IN (", absl::StrJoin(wanted, ", "), ") AND ((", columns, ", ",
                     QuoteNames(pair_.key), ") IN (", absl::StrJoin(own, ", "), ")) IS NOT TRUE; ");
    if (!pair_.referenced) {
      absl::StrAppend(&statements, "DELETE FROM ", pair_.sql_name, where);
    } else if (!unique.parked.empty()) {
      absl::StrAppend(&statements, "UPDATE ", pair_.sql_name, " SET ", unique.parked, where);
    }
  }
  return statements;
}

std::string RowWriter::ColumnAtFault(const Row& row) {
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    if (!row.values[i].has_value()) continue;
    // A cast cuts what is too long, where a column refuses it.
    const std::string& type = pair_.types[i];
    if (IsTooLong(*row.values[i], type)) return pair_.written[i];
    if (!to_.Read(absl::StrCat("SELECT ", QuoteLiteral(*row.values[i]), "::text::", type)).ok()) {
      return pair_.written[i];
    }
  }
  return "";
}

absl::Status RowWriter::Refuse(const Row& row, const DbError& error) {
  RefusedRow refused;
  refused.table = pair_.name;
  refused.key = pair_.Describe(row.key);
  refused.constraint = error.constraint;
  refused.sqlstate = error.sqlstate;
  refused.column = error.column;
  if (refused.column.empty() && absl::StartsWith(error.sqlstate, "22")) refused.column = ColumnAtFault(row);
  refused_.push_back(std::move(refused));
  if (refused_.size() <= most_refused_) return absl::OkStatus();
  return TooManyRefused(most_refused_);
}

absl::StatusOr<bool> RowWriter::DeleteRange(const KeyRange& range) {
  while (true) {
    std::int64_t deleted = 0;
    const auto error = to_.Write(pair_.DeleteSome(range, kDeletedAtOnce), &deleted);
    if (error.has_value() && IsOfOneRow(*error)) return false;
    if (error.has_value()) return ToStatus(*error, absl::StrCat("cannot delete from ", pair_.name, " of"), to_.title());
    counts_.deleted += deleted;
    if (deleted < kDeletedAtOnce) return true;
  }
}

absl::Status RowWriter::DeleteRows(const std::vector<KeyValues>& keys) {
  for (std::size_t first = 0; first < keys.size(); first += limits_.rows) {
    const auto last = keys.begin() + std::min(first + limits_.rows, keys.size());
    if (absl::Status deleted = DeleteSome({keys.begin() + first, last}); !deleted.ok()) return deleted;
  }
  return absl::OkStatus();
}

absl::Status RowWriter::DeleteSome(const std::vector<KeyValues>& keys) {
  std::int64_t deleted = 0;
  const auto error = to_.Write(pair_.Delete(keys), &deleted);
  if (!error.has_value()) {
    counts_.deleted += deleted;
    return absl::OkStatus();
  }
  if (!IsOfOneRow(*error)) {
    return ToStatus(*error, absl::StrCat("cannot delete from ", pair_.name, " of"), to_.title());
  }
  if (keys.size() == 1) return Refuse({keys.front(), {}, 0}, *error);
  const auto middle = keys.begin() + static_cast<std::ptrdiff_t>(keys.size() / 2);
  if (absl::Status half = DeleteSome({keys.begin(), middle}); !half.ok()) return half;
  return DeleteSome({middle, keys.end()});
}

}  // namespace authstate::tables
