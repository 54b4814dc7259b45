#ifndef AUTHSTATE_MIGRATIONS_TABLES_ROW_WRITER_H_
#define AUTHSTATE_MIGRATIONS_TABLES_ROW_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "migrations/tables/database.h"
#include "migrations/tables/table_pair.h"

namespace authstate::tables {

// How much goes over at a time.
struct BatchLimits {
  // Rows of one statement, and of one transaction.
  std::size_t rows = 100;
  // What their values take together, beyond the first.
  std::size_t bytes = std::size_t{1} << 20;
};

// A row that the target did not take, without its values.
struct RefusedRow {
  std::string table;
  // `id=17`.
  std::string key;
  // As far as the target tells; else empty.
  std::string column;
  std::string constraint;
  std::string sqlstate;
};

// What ends the writing once more rows were refused than may be.
absl::Status TooManyRefused(std::size_t most);

// Makes rows of the target what they are in the source. What is written may be written twice. Not thread-safe.
class RowWriter {
 public:
  struct Counts {
    std::int64_t copied = 0;
    std::int64_t deleted = 0;
  };

  // All of them outlive it. Rows that are refused are added to `refused`; beyond `most_refused` the writing ends with
  // DataLoss.
  RowWriter(Database& from, Database& to, const TablePair& pair, const BatchLimits& limits, std::size_t most_refused,
            std::vector<RefusedRow>* refused)
      : from_(from), to_(to), pair_(pair), limits_(limits), most_refused_(most_refused), refused_(*refused) {}

  // Copies a range of which the target has nothing. False: it was not, or not all, for a row of it stands in the way.
  absl::StatusOr<bool> CopyRange(const KeyRange& range);
  // Copies these rows over those that are there.
  absl::Status CopyRows(const std::vector<KeyValues>& keys);
  // False: not all, for rows that stay point at some of them.
  absl::StatusOr<bool> DeleteRange(const KeyRange& range);
  absl::Status DeleteRows(const std::vector<KeyValues>& keys);

  const Counts& counts() const { return counts_; }

 private:
  struct Row {
    KeyValues key;
    std::vector<std::optional<std::string>> values;
    std::size_t bytes = 0;
  };
  using Span = std::pair<std::vector<Row>::const_iterator, std::vector<Row>::const_iterator>;

  absl::StatusOr<std::vector<Row>> Fetch(const std::vector<KeyValues>& keys);
  absl::Status Put(Span rows);
  absl::Status DeleteSome(const std::vector<KeyValues>& keys);
  // The statements that take from other rows what these want to have for themselves alone; empty: there is no way.
  std::string MakeRoom(Span rows) const;
  absl::Status Refuse(const Row& row, const DbError& error);
  // The first column whose value its type does not take.
  std::string ColumnAtFault(const Row& row);

  Database& from_;
  Database& to_;
  const TablePair& pair_;
  const BatchLimits limits_;
  const std::size_t most_refused_;
  std::vector<RefusedRow>& refused_;
  Counts counts_;
  // Rows to ask for at once, so that their values stay within the limit.
  std::size_t at_once_ = 8;
};

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_ROW_WRITER_H_
