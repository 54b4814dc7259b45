#include "migrations/tables/way_back.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "migrations/tables/compare.h"
#include "migrations/tables/sql_text.h"
#include "migrations/tables/table_pair.h"

namespace authstate::tables {
namespace {

// Rows that are looked at with one statement.
constexpr std::size_t kRowsAtOnce = 100;

// A condition that holds for rows that were written since `side` was verified. A row keeps the id of the transaction
// that wrote it, of which the last 32 bits are compared as ages.
std::string WrittenSince(const VerifiedSide& side) {
  return absl::StrCat("age(xmin) <= age((", side.oldest_transaction, "::int8 % 4294967296)::text::xid)");
}

KeyValues KeyOf(const Rows& rows, int row, const TablePair& pair) {
  KeyValues key;
  for (std::size_t column = 0; column < pair.key.size(); ++column) {
    key.push_back(rows.Text(row, static_cast<int>(column)));
  }
  return key;
}

// Tells apart, of the rows that only the new database has, those that have not been written since it was verified: they
// were in the former one too.
class GoneThere final : public DifferenceSink {
 public:
  GoneThere(Database& here, const TablePair& pair, std::string written_since, std::size_t most_listed)
      : here_(here), pair_(pair), written_since_(std::move(written_since)), most_listed_(most_listed) {}

  absl::StatusOr<bool> Missing(const KeyRange& range, std::int64_t rows) override {
    if (absl::Status looked = Look(pair_.Where(range), rows); !looked.ok()) return looked;
    return true;
  }
  absl::StatusOr<bool> Extra(const KeyRange& /*range*/, std::int64_t /*rows*/) override { return true; }
  absl::Status Differing(const std::vector<RowDifference>& rows) override {
    std::vector<KeyValues> keys;
    for (const RowDifference& row : rows) {
      if (row.kind == DifferenceKind::kMissing) keys.push_back(row.key);
    }
    for (std::size_t first = 0; first < keys.size(); first += kRowsAtOnce) {
      const std::size_t last = std::min(first + kRowsAtOnce, keys.size());
      const absl::Status looked =
          Look(pair_.Among({keys.begin() + first, keys.begin() + last}), static_cast<std::int64_t>(last - first));
      if (!looked.ok()) return looked;
    }
    return absl::OkStatus();
  }
  void Compared(std::int64_t /*rows*/) override {}

  // The first of those that were in both.
  const std::vector<KeyValues>& listed() const { return listed_; }
  std::int64_t were_in_both() const { return were_in_both_; }
  // Whether there are others: new ones, or changed ones.
  bool any_written() const { return any_written_; }

 private:
  absl::Status Look(const std::string& condition, std::int64_t rows) {
    const absl::StatusOr<Rows> old =
        here_.Read(absl::StrCat("SELECT ", QuoteNames(pair_.key), ", count(*) OVER () FROM ", pair_.sql_name, " WHERE ",
                                condition, " AND NOT ", written_since_, " LIMIT ", most_listed_));
    if (!old.ok()) return old.status();
    const std::int64_t count = old->size() == 0 ? 0 : old->Int(0, old->columns() - 1);
    were_in_both_ += count;
    any_written_ = any_written_ || count < rows;
    for (int row = 0; row < old->size() && listed_.size() < most_listed_; ++row) {
      listed_.push_back(KeyOf(*old, row, pair_));
    }
    return absl::OkStatus();
  }

  Database& here_;
  const TablePair& pair_;
  const std::string written_since_;
  const std::size_t most_listed_;
  std::vector<KeyValues> listed_;
  std::int64_t were_in_both_ = 0;
  bool any_written_ = false;
};

// Looks at one table after the other.
class Undone {
 public:
  Undone(const Verification& verification, const TableMove& move, std::size_t most)
      : verification_(verification), move_(move), most_(most) {}

  // `rows` is the number of those that were written there since, whatever they are now.
  absl::Status LookAtWritten(const TablePair& pair, std::int64_t* rows);
  // `before` is the number of rows that were there, `written` what LookAtWritten has counted.
  absl::Status LookAtDeleted(const TablePair& pair, std::int64_t before, std::int64_t written);
  const std::vector<std::string>& lines() const { return lines_; }
  bool full() const { return lines_.size() >= most_; }

 private:
  void Add(const TablePair& pair, const std::string& what) {
    if (!full()) lines_.push_back(absl::StrCat(pair.name, ": ", what));
  }

  const Verification& verification_;
  const TableMove& move_;
  const std::size_t most_;
  std::vector<std::string> lines_;
};

absl::Status Undone::LookAtWritten(const TablePair& pair, std::int64_t* rows) {
  const absl::StatusOr<Rows> written = move_.to->Read(absl::StrCat(
      "SELECT ", QuoteNames(pair.key), " FROM ", pair.sql_name, " WHERE ", WrittenSince(verification_.from)));
  if (!written.ok()) return written.status();
  *rows = written->size();
  std::vector<RowDifference> some;
  for (int row = 0; row < written->size(); ++row) {
    some.push_back({DifferenceKind::kDifferent, KeyOf(*written, row, pair)});
    if (some.size() < kRowsAtOnce && row + 1 < written->size()) continue;
    const auto differing = CompareRows(*move_.from, *move_.to, pair, some);
    if (!differing.ok()) return differing.status();
    for (const ColumnDifference& difference : *differing) Add(pair, pair.Describe(difference.row.key));
    if (full()) return absl::OkStatus();
    some.clear();
  }
  return absl::OkStatus();
}

absl::Status Undone::LookAtDeleted(const TablePair& pair, std::int64_t before, std::int64_t written) {
  const absl::StatusOr<Rows> left = move_.to->Read(absl::StrCat("SELECT count(*) FROM ", pair.sql_name));
  if (!left.ok()) return left.status();
  // Each that was written may have taken the place of one that was deleted.
  const std::int64_t fewer = before - left->Int(0, 0);
  if (fewer + written <= 0) return absl::OkStatus();
  GoneThere gone(*move_.from, pair, WrittenSince(verification_.to), most_);
  const absl::StatusOr<RowCounts> compared = CompareTable(*move_.from, *move_.to, pair, gone);
  if (!compared.ok()) return compared.status();
  for (const KeyValues& key : gone.listed()) Add(pair, absl::StrCat(pair.Describe(key), " (deleted)"));
  const std::int64_t untold = fewer - gone.were_in_both();
  if (untold <= 0 || !gone.any_written()) return absl::OkStatus();
  Add(pair, absl::StrCat(untold, " more (deleted), which were changed or deleted here since: see --accept ", pair.name,
                         ".deleted"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> WhatTheWayBackUndoes(const Verification& verification, const TableMove& move,
                                                              const std::vector<std::string>& accepted,
                                                              std::size_t most) {
  Undone undone(verification, move, most);
  for (const TableVerdict& table : verification.tables) {
    if (undone.full()) break;
    if (move.from_catalogue.FindTable(table.table) == nullptr || move.to_catalogue.FindTable(table.table) == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("table ", table.table, " of the report is not in both databases"));
    }
    const absl::StatusOr<TablePair> pair = PairTables(move.from_catalogue, move.to_catalogue, table.table);
    if (!pair.ok()) return pair.status();
    std::int64_t written = 0;
    if (absl::Status looked = undone.LookAtWritten(*pair, &written); !looked.ok()) return looked;
    const std::string deleted = absl::StrCat(table.table, ".deleted");
    if (std::find(accepted.begin(), accepted.end(), deleted) != accepted.end()) continue;
    if (absl::Status looked = undone.LookAtDeleted(*pair, table.from_rows, written); !looked.ok()) return looked;
  }
  return undone.lines();
}

}  // namespace authstate::tables
