#include "migrations/tables/verification.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "migrations/tables/compare.h"
#include "migrations/tables/sql_text.h"
#include "migrations/tables/table_pair.h"

namespace authstate::tables {
namespace {

// Rows whose columns are compared at once.
constexpr std::size_t kRowsAtOnce = 100;
// So many are looked at a second time, to tell what was under way from what differs.
constexpr std::int64_t kMostLookedAt = 10'000;
constexpr std::int64_t kMostOfRange = 2 * Database::kCopyRows;

std::string NameOf(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kMissing:
      return "missing";
    case DifferenceKind::kExtra:
      return "extra";
    case DifferenceKind::kDifferent:
      break;
  }
  return "different";
}

// Counts what differs, and lists the first.
class Lister final : public DifferenceSink {
 public:
  Lister(Database& from, Database& to, const TablePair& pair, std::size_t most_listed, TableVerdict& verdict,
         const SyncProgress& progress)
      : from_(from), to_(to), pair_(pair), most_listed_(most_listed), verdict_(verdict), progress_(progress) {}

  absl::StatusOr<bool> Missing(const KeyRange& /*range*/, std::int64_t rows) override {
    if (Lists(rows)) return false;
    verdict_.missing += rows;
    return true;
  }
  absl::StatusOr<bool> Extra(const KeyRange& /*range*/, std::int64_t rows) override {
    if (Lists(rows)) return false;
    verdict_.extra += rows;
    return true;
  }
  absl::Status Differing(const std::vector<RowDifference>& rows) override {
    for (std::size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
      const std::vector<RowDifference> some(rows.begin() + first,
                                            rows.begin() + std::min(first + kRowsAtOnce, rows.size()));
      if (looked_at_ >= kMostLookedAt) {
        for (const RowDifference& row : some) Count(row, {});
        continue;
      }
      looked_at_ += static_cast<std::int64_t>(some.size());
      const auto found = CompareRows(from_, to_, pair_, some);
      if (!found.ok()) return found.status();
      for (const ColumnDifference& difference : *found) Count(difference.row, difference.columns);
    }
    return absl::OkStatus();
  }
  void Compared(std::int64_t rows) override {
    compared_ += rows;
    TableSync shown;
    shown.table = verdict_.table;
    progress_(shown, compared_, std::max(pair_.estimate, compared_));
  }

 private:
  // Whether a range with so many rows is looked into, for the sake of those that are listed.
  bool Lists(std::int64_t rows) const { return verdict_.rows.size() < most_listed_ && rows <= kMostOfRange; }
  void Count(const RowDifference& row, const std::vector<std::string>& columns) {
    ++(row.kind == DifferenceKind::kMissing ? verdict_.missing
       : row.kind == DifferenceKind::kExtra ? verdict_.extra
                                            : verdict_.different);
    if (verdict_.rows.size() < most_listed_) {
      verdict_.rows.push_back({NameOf(row.kind), pair_.Describe(row.key), columns});
    }
  }

  Database& from_;
  Database& to_;
  const TablePair& pair_;
  const std::size_t most_listed_;
  TableVerdict& verdict_;
  const SyncProgress& progress_;
  std::int64_t compared_ = 0;
  std::int64_t looked_at_ = 0;
};

// A row without a key would be found by no range, and so be compared with nothing; of two with the same key one would.
absl::Status CheckKeys(Database& from, const Catalogue& catalogue, const TablePair& pair) {
  for (const std::string& column : pair.key) {
    if (catalogue.FindTable(pair.name)->FindColumn(column)->not_null) continue;
    const absl::StatusOr<Rows> rows =
        from.Read(absl::StrCat("SELECT count(*) FROM ", pair.sql_name, " WHERE ", QuoteName(column), " IS NULL"));
    if (!rows.ok()) return rows.status();
    if (rows->Int(0, 0) > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("column ", column, " of the key is NULL in rows of the source"));
    }
  }
  if (pair.unique) return absl::OkStatus();
  const absl::StatusOr<Rows> twice = from.Read(pair.AnyTwice());
  if (!twice.ok()) return twice.status();
  return twice->Bool(0, 0) ? KeyTwice(pair) : absl::OkStatus();
}

absl::Status Verify(Database& from, const Catalogue& from_catalogue, Database& to, const Catalogue& to_catalogue,
                    std::size_t most_listed, const SyncProgress& progress, TableVerdict* verdict) {
  if (to_catalogue.FindTable(verdict->table) == nullptr) {
    return absl::NotFoundError("the target has no such table");
  }
  const absl::StatusOr<TablePair> pair = PairTables(from_catalogue, to_catalogue, verdict->table);
  if (!pair.ok()) return pair.status();
  if (absl::Status keys = CheckKeys(from, from_catalogue, *pair); !keys.ok()) return keys;
  Lister lister(from, to, *pair, most_listed, *verdict, progress);
  const absl::StatusOr<RowCounts> counts = CompareTable(from, to, *pair, lister);
  if (!counts.ok()) return counts.status();
  verdict->from_rows = counts->from;
  verdict->to_rows = counts->to;
  verdict->state =
      verdict->missing + verdict->extra + verdict->different == 0 ? TableState::kEqual : TableState::kDifferent;
  return absl::OkStatus();
}

VerifiedSide SideOf(const Database& database, const Catalogue& catalogue, const std::vector<std::string>& tables) {
  VerifiedSide side;
  side.profile = database.name();
  side.location = database.location();
  side.version = catalogue.version;
  side.fingerprint = Fingerprint(catalogue, tables);
  side.oldest_transaction = catalogue.oldest_transaction;
  return side;
}

}  // namespace

bool Verification::equal() const { return !differs() && unknown().empty(); }

std::vector<std::string> Verification::unknown() const {
  std::vector<std::string> names;
  for (const TableVerdict& table : tables) {
    if (table.state == TableState::kUnknown) names.push_back(table.table);
  }
  return names;
}

bool Verification::differs() const {
  const bool schema_blocks = std::any_of(schema_differences.begin(), schema_differences.end(),
                                         [](const Finding& finding) { return finding.severity == Severity::kBlocks; });
  return schema_blocks || !sequences.empty() ||
         std::any_of(tables.begin(), tables.end(),
                     [](const TableVerdict& table) { return table.state == TableState::kDifferent; });
}

std::vector<std::string> Verification::table_names() const {
  std::vector<std::string> names;
  names.reserve(tables.size());
  for (const TableVerdict& table : tables) names.push_back(table.table);
  return names;
}

Verification VerifyTables(Database& from, const Catalogue& from_catalogue, Database& to, const Catalogue& to_catalogue,
                          const Plan& plan, bool all_tables, std::size_t most_listed, const SyncProgress& progress) {
  Verification verification;
  verification.verified_at = absl::Now();
  verification.schema = from_catalogue.schema;
  verification.from = SideOf(from, from_catalogue, plan.tables);
  verification.to = SideOf(to, to_catalogue, plan.tables);
  verification.all_tables = all_tables;
  verification.schema_differences = SchemaDifferences(plan);
  for (const std::string& name : plan.tables) {
    TableVerdict& verdict = verification.tables.emplace_back();
    verdict.table = name;
    const absl::Status verified = Verify(from, from_catalogue, to, to_catalogue, most_listed, progress, &verdict);
    if (!verified.ok()) verdict.error = std::string(verified.message());
  }
  auto places = ReadSequencePlaces(from, from_catalogue, to, to_catalogue, plan.tables, all_tables);
  if (places.ok()) {
    std::copy_if(places->begin(), places->end(), std::back_inserter(verification.sequences),
                 [](const SequencePlace& place) { return place.behind(); });
  } else {
    TableVerdict& verdict = verification.tables.emplace_back();
    verdict.table = "sequences";
    verdict.error = std::string(places.status().message());
  }
  verification.took = absl::Now() - verification.verified_at;
  return verification;
}

std::vector<std::string> WhyStale(const Verification& verification, const Catalogue& from, const Catalogue& to,
                                  absl::Time now) {
  std::vector<std::string> reasons;
  const std::vector<std::string> tables = verification.table_names();
  if (now - verification.verified_at > kVerificationLasts) {
    reasons.push_back(absl::StrCat("it is ",
                                   absl::FormatDuration(absl::Trunc(now - verification.verified_at, absl::Minutes(1))),
                                   " old, and counts for ", absl::FormatDuration(kVerificationLasts)));
  }
  if (Fingerprint(from, tables) != verification.from.fingerprint) {
    reasons.push_back("the schema of the source has changed since");
  }
  if (Fingerprint(to, tables) != verification.to.fingerprint) {
    reasons.push_back("the schema of the target has changed since");
  }
  for (const std::string& name : ApplicationTables(from)) {
    if (!verification.all_tables || std::find(tables.begin(), tables.end(), name) != tables.end()) continue;
    reasons.push_back(absl::StrCat("it lacks the table ", name));
  }
  return reasons;
}

}  // namespace authstate::tables
