#ifndef AUTHSTATE_MIGRATIONS_TABLES_COMPARE_H_
#define AUTHSTATE_MIGRATIONS_TABLES_COMPARE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "migrations/tables/database.h"
#include "migrations/tables/table_pair.h"

// The one primitive: sums over ranges of keys, made by the databases themselves, and narrower ranges where they differ,
// down to the rows. There is no snapshot that both share: what changes meanwhile may show as a difference, and is gone
// when it is looked at again.
namespace authstate::tables {

enum class DifferenceKind : std::uint8_t {
  // Only the source has the row.
  kMissing,
  // Only the target has it.
  kExtra,
  // Both have it, with other values.
  kDifferent,
};

struct RowDifference {
  DifferenceKind kind = DifferenceKind::kDifferent;
  KeyValues key;
};

// Is told of what differs, in the order of keys where there is one. A status that is not OK ends the comparison.
class DifferenceSink {
 public:
  virtual ~DifferenceSink() = default;

  // The target has none of the `rows` rows of this range. False: say row by row which they are.
  virtual absl::StatusOr<bool> Missing(const KeyRange& range, std::int64_t rows) = 0;
  // The source has none of them. False as above.
  virtual absl::StatusOr<bool> Extra(const KeyRange& range, std::int64_t rows) = 0;
  virtual absl::Status Differing(const std::vector<RowDifference>& rows) = 0;
  // So many rows of the source are done.
  virtual void Compared(std::int64_t rows) = 0;
};

// Rows that were counted on both sides.
struct RowCounts {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

// Fails as Database::Read does, or with what the sink answers.
absl::StatusOr<RowCounts> CompareTable(Database& from, Database& to, const TablePair& pair, DifferenceSink& sink);

// Looks at single rows again, which were found to differ.
struct ColumnDifference {
  RowDifference row;
  // Those that differ in a row that both have; empty for other rows.
  std::vector<std::string> columns;
};
// Without those that are equal by now.
absl::StatusOr<std::vector<ColumnDifference>> CompareRows(Database& from, Database& to, const TablePair& pair,
                                                          const std::vector<RowDifference>& rows);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_COMPARE_H_
