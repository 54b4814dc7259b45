#include "migrations/tables/compare.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace authstate::tables {
namespace {

// Rows of one sum at first.
constexpr std::int64_t kChunkRows = 1000;
// Sums of one statement, at first and at most.
constexpr std::int64_t kChunks = 64;
constexpr std::size_t kMostSums = 256;
// So few are told apart row by row.
constexpr std::int64_t kLeafRows = 64;
constexpr std::size_t kMostLeaves = 64;
// A range is divided into so many.
constexpr std::int64_t kParts = 64;
// Rows of buckets whose digests are held at once.
constexpr std::int64_t kMostListed = 100'000;

struct RangeSum {
  std::int64_t rows = 0;
  std::string digest;

  friend bool operator==(const RangeSum& a, const RangeSum& b) { return a.rows == b.rows && a.digest == b.digest; }
};

struct ComparedRange {
  KeyRange range;
  RangeSum from;
  RangeSum to;

  std::int64_t most() const { return std::max(from.rows, to.rows); }
};

KeyValues KeyAt(const Rows& rows, int row, const TablePair& pair, int first_column) {
  KeyValues key;
  key.reserve(pair.key.size());
  for (std::size_t i = 0; i < pair.key.size(); ++i) key.push_back(rows.Text(row, first_column + static_cast<int>(i)));
  return key;
}

// One statement for `[first, last)`, of which `each` says the parts.
std::string Union(std::size_t first, std::size_t last, const std::function<std::string(std::size_t)>& each) {
  std::vector<std::string> parts;
  for (std::size_t i = first; i < last; ++i) parts.push_back(absl::StrCat("(", each(i), ")"));
  return absl::StrJoin(parts, " UNION ALL ");
}

// Ranges between the borders that `rows` lists for the range `tag`, of which the last ends where `whole` does.
std::vector<KeyRange> Between(const KeyRange& whole, const std::vector<KeyValues>& borders) {
  std::vector<KeyRange> ranges;
  std::optional<KeyValues> after = whole.after;
  for (const KeyValues& border : borders) {
    ranges.push_back({after, border, {}});
    after = border;
  }
  ranges.push_back({after, whole.up_to, {}});
  return ranges;
}

class Comparison {
 public:
  Comparison(Database& from, Database& to, const TablePair& pair, DifferenceSink& sink)
      : from_(from), to_(to), pair_(pair), sink_(sink) {}

  absl::StatusOr<RowCounts> ByRanges();
  absl::StatusOr<RowCounts> ByBuckets();

 private:
  absl::StatusOr<std::vector<ComparedRange>> Sum(const std::vector<KeyRange>& ranges);
  // Tells of what differs within the ranges, which follow each other.
  absl::Status Narrow(const std::vector<ComparedRange>& ranges);
  absl::Status Divide(const std::vector<ComparedRange>& ranges);
  absl::Status List(const std::vector<KeyRange>& ranges);
  // Ranges that one side has nothing of, and that follow each other, become one.
  absl::Status TellWhole(std::vector<ComparedRange> ranges);
  absl::StatusOr<std::vector<std::vector<KeyValues>>> Borders(Database& database,
                                                              const std::vector<const ComparedRange*>& ranges);

  Database& from_;
  Database& to_;
  const TablePair& pair_;
  DifferenceSink& sink_;
};

absl::StatusOr<std::vector<ComparedRange>> Comparison::Sum(const std::vector<KeyRange>& ranges) {
  std::vector<ComparedRange> compared;
  compared.reserve(ranges.size());
  for (const KeyRange& range : ranges) compared.push_back({range, {}, {}});
  for (std::size_t first = 0; first < ranges.size(); first += kMostSums) {
    const std::string sql = Union(first, std::min(first + kMostSums, ranges.size()),
                                  [&](std::size_t i) { return pair_.Sum(ranges[i], i); });
    const auto sums = Database::ReadBoth(from_, sql, to_, sql);
    if (!sums.ok()) return sums.status();
    for (int row = 0; row < sums->first.size(); ++row) {
      compared[sums->first.Int(row, 0)].from = {sums->first.Int(row, 1), sums->first.Text(row, 2)};
    }
    for (int row = 0; row < sums->second.size(); ++row) {
      compared[sums->second.Int(row, 0)].to = {sums->second.Int(row, 1), sums->second.Text(row, 2)};
    }
  }
  return compared;
}

absl::StatusOr<std::vector<std::vector<KeyValues>>> Comparison::Borders(
    Database& database, const std::vector<const ComparedRange*>& ranges) {
  std::vector<std::vector<KeyValues>> borders(ranges.size());
  if (ranges.empty()) return borders;
  std::string order;
  for (std::size_t i = 0; i < pair_.key.size(); ++i) absl::StrAppend(&order, ", ", i + 2);
  const absl::StatusOr<Rows> rows =
      database.Read(absl::StrCat(Union(0, ranges.size(),
                                       [&](std::size_t i) {
                                         const std::int64_t step = std::max(kLeafRows, ranges[i]->most() / kParts);
                                         return pair_.Borders(ranges[i]->range, step, kParts, i);
                                       }),
                                 " ORDER BY 1", order));
  if (!rows.ok()) return rows.status();
  for (int row = 0; row < rows->size(); ++row) borders[rows->Int(row, 0)].push_back(KeyAt(*rows, row, pair_, 1));
  return borders;
}

absl::Status Comparison::TellWhole(std::vector<ComparedRange> ranges) {
  for (std::size_t first = 0; first < ranges.size();) {
    ComparedRange whole = ranges[first];
    const bool missing = whole.to.rows == 0;
    std::size_t next = first + 1;
    for (; next < ranges.size() && (ranges[next].to.rows == 0) == missing &&
           ranges[next].range.after == whole.range.up_to && whole.most() < Database::kCopyRows;
         ++next) {
      whole.range.up_to = ranges[next].range.up_to;
      whole.from.rows += ranges[next].from.rows;
      whole.to.rows += ranges[next].to.rows;
    }
    const absl::StatusOr<bool> done = missing ? sink_.Missing(whole.range, whole.from.rows)  //
                                              : sink_.Extra(whole.range, whole.to.rows);
    if (!done.ok()) return done.status();
    if (!*done) {
      if (absl::Status listed = List({whole.range}); !listed.ok()) return listed;
    }
    first = next;
  }
  return absl::OkStatus();
}

absl::Status Comparison::Narrow(const std::vector<ComparedRange>& ranges) {
  std::vector<ComparedRange> one_sided;
  std::vector<ComparedRange> wide;
  std::vector<KeyRange> leaves;
  for (const ComparedRange& range : ranges) {
    if (range.from == range.to) continue;
    if (range.from.rows == 0 || range.to.rows == 0) {
      one_sided.push_back(range);
    } else if (range.most() <= kLeafRows) {
      leaves.push_back(range.range);
    } else {
      wide.push_back(range);
    }
  }
  if (absl::Status told = TellWhole(std::move(one_sided)); !told.ok()) return told;
  if (absl::Status listed = List(leaves); !listed.ok()) return listed;
  return Divide(wide);
}

absl::Status Comparison::Divide(const std::vector<ComparedRange>& ranges) {
  // Who has more rows says where the borders are.
  std::vector<const ComparedRange*> by_from;
  std::vector<const ComparedRange*> by_to;
  for (const ComparedRange& range : ranges) (range.from.rows >= range.to.rows ? by_from : by_to).push_back(&range);
  std::vector<KeyRange> parts;
  for (const bool source : {true, false}) {
    const std::vector<const ComparedRange*>& whole = source ? by_from : by_to;
    const auto borders = Borders(source ? from_ : to_, whole);
    if (!borders.ok()) return borders.status();
    for (std::size_t i = 0; i < whole.size(); ++i) {
      std::vector<KeyRange> between = Between(whole[i]->range, (*borders)[i]);
      // Others have taken its rows away meanwhile.
      if (between.size() == 1) {
        if (absl::Status listed = List(between); !listed.ok()) return listed;
        continue;
      }
      std::move(between.begin(), between.end(), std::back_inserter(parts));
    }
  }
  if (parts.empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<ComparedRange>> sums = Sum(parts);
  return sums.ok() ? Narrow(*sums) : sums.status();
}

absl::Status Comparison::List(const std::vector<KeyRange>& ranges) {
  for (std::size_t first = 0; first < ranges.size(); first += kMostLeaves) {
    const std::string sql = Union(first, std::min(first + kMostLeaves, ranges.size()),
                                  [&](std::size_t i) { return pair_.Digests(ranges[i], i); });
    const auto both = Database::ReadBoth(from_, sql, to_, sql);
    if (!both.ok()) return both.status();
    const int digest = static_cast<int>(pair_.key.size()) + 1;
    std::map<KeyValues, std::string> there;
    for (int row = 0; row < both->second.size(); ++row) {
      there.emplace(KeyAt(both->second, row, pair_, 1), both->second.Text(row, digest));
    }
    std::vector<RowDifference> differences;
    for (int row = 0; row < both->first.size(); ++row) {
      KeyValues key = KeyAt(both->first, row, pair_, 1);
      const auto found = there.find(key);
      if (found == there.end()) {
        differences.push_back({DifferenceKind::kMissing, std::move(key)});
        continue;
      }
      if (found->second != both->first.View(row, digest)) {
        differences.push_back({DifferenceKind::kDifferent, std::move(key)});
      }
      there.erase(found);
    }
    for (const auto& extra : there) differences.push_back({DifferenceKind::kExtra, extra.first});
    if (differences.empty()) continue;
    if (absl::Status told = sink_.Differing(differences); !told.ok()) return told;
  }
  return absl::OkStatus();
}

absl::StatusOr<RowCounts> Comparison::ByRanges() {
  RowCounts counts;
  KeyRange rest;
  bool more = true;
  while (more) {
    const std::vector<ComparedRange> page = {{rest, {kChunkRows * kParts, ""}, {}}};
    const auto borders = Borders(from_, {&page.front()});
    if (!borders.ok()) return borders.status();
    more = static_cast<std::int64_t>(borders->front().size()) == kChunks;
    std::vector<KeyRange> ranges = Between(rest, borders->front());
    if (more) {
      // What comes after the last border is the next page.
      rest = ranges.back();
      ranges.pop_back();
    }
    const absl::StatusOr<Rows> any = to_.Read(pair_.Any({ranges.front().after, std::nullopt, {}}));
    if (!any.ok()) return any.status();
    // Where the target ends there is nothing to compare with. The last page is left: its rows are not counted yet.
    if (more && !any->Bool(0, 0)) {
      constexpr std::int64_t kRows = kChunkRows * kChunks;
      const KeyRange page{ranges.front().after, ranges.back().up_to, {}};
      if (absl::Status told = TellWhole({{page, {kRows, ""}, {}}}); !told.ok()) return told;
      counts.from += kRows;
      sink_.Compared(kRows);
      continue;
    }
    const absl::StatusOr<std::vector<ComparedRange>> sums = Sum(ranges);
    if (!sums.ok()) return sums.status();
    std::int64_t rows = 0;
    for (const ComparedRange& sum : *sums) {
      rows += sum.from.rows;
      counts.to += sum.to.rows;
    }
    counts.from += rows;
    if (absl::Status told = Narrow(*sums); !told.ok()) return told;
    sink_.Compared(rows);
  }
  return counts;
}

// Every statement here reads the whole table, so there are few of them.
absl::StatusOr<RowCounts> Comparison::ByBuckets() {
  constexpr std::int64_t kMany = 500'000;
  const int digits = pair_.estimate > kMany ? 4 : 3;
  const std::string sql = pair_.BucketSums(digits);
  const auto both = Database::ReadBoth(from_, sql, to_, sql);
  if (!both.ok()) return both.status();
  std::map<std::string, std::pair<RangeSum, RangeSum>> sums;
  RowCounts counts;
  for (int row = 0; row < both->first.size(); ++row) {
    sums[both->first.Text(row, 0)].first = {both->first.Int(row, 1), both->first.Text(row, 2)};
    counts.from += both->first.Int(row, 1);
  }
  for (int row = 0; row < both->second.size(); ++row) {
    sums[both->second.Text(row, 0)].second = {both->second.Int(row, 1), both->second.Text(row, 2)};
    counts.to += both->second.Int(row, 1);
  }
  if ((counts.from == 0) != (counts.to == 0)) {
    const auto done = counts.to == 0 ? sink_.Missing({}, counts.from) : sink_.Extra({}, counts.to);
    if (!done.ok()) return done.status();
    if (*done) {
      sink_.Compared(counts.from);
      return counts;
    }
  }
  KeyRange group;
  std::int64_t listed = 0;
  for (const auto& [bucket, sum] : sums) {
    if (sum.first == sum.second) continue;
    group.buckets.push_back(bucket);
    listed += std::max(sum.first.rows, sum.second.rows);
    if (listed < kMostListed) continue;
    if (absl::Status told = List({group}); !told.ok()) return told;
    group.buckets.clear();
    listed = 0;
  }
  if (!group.buckets.empty()) {
    if (absl::Status told = List({group}); !told.ok()) return told;
  }
  sink_.Compared(counts.from);
  return counts;
}

}  // namespace

absl::StatusOr<RowCounts> CompareTable(Database& from, Database& to, const TablePair& pair, DifferenceSink& sink) {
  Comparison comparison(from, to, pair, sink);
  return pair.ordered ? comparison.ByRanges() : comparison.ByBuckets();
}

absl::StatusOr<std::vector<ColumnDifference>> CompareRows(Database& from, Database& to, const TablePair& pair,
                                                          const std::vector<RowDifference>& rows) {
  std::vector<ColumnDifference> found;
  if (rows.empty()) return found;
  std::vector<KeyValues> keys;
  keys.reserve(rows.size());
  for (const RowDifference& row : rows) keys.push_back(row.key);
  const std::string sql = pair.Select(pair.columns, keys);
  const auto both = Database::ReadBoth(from, sql, to, sql);
  if (!both.ok()) return both.status();
  const auto by_key = [&pair](const Rows& list) {
    std::map<KeyValues, int> places;
    for (int row = 0; row < list.size(); ++row) places.emplace(KeyAt(list, row, pair, 0), row);
    return places;
  };
  const auto here = by_key(both->first);
  const auto there = by_key(both->second);
  const int first = static_cast<int>(pair.key.size());
  for (const KeyValues& key : std::set<KeyValues>(keys.begin(), keys.end())) {
    const auto one = here.find(key);
    const auto other = there.find(key);
    if (one == here.end() && other == there.end()) continue;
    if (one == here.end() || other == there.end()) {
      found.push_back({{one == here.end() ? DifferenceKind::kExtra : DifferenceKind::kMissing, key}, {}});
      continue;
    }
    std::vector<std::string> columns;
    for (std::size_t i = 0; i < pair.columns.size(); ++i) {
      const int column = first + static_cast<int>(i);
      if (both->first.Value(one->second, column) != both->second.Value(other->second, column)) {
        columns.push_back(pair.columns[i]);
      }
    }
    if (!columns.empty()) found.push_back({{DifferenceKind::kDifferent, key}, std::move(columns)});
  }
  return found;
}

}  // namespace authstate::tables
