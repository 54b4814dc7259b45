#ifndef AUTHSTATE_MIGRATIONS_TABLES_SYNC_H_
#define AUTHSTATE_MIGRATIONS_TABLES_SYNC_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "migrations/tables/catalogue.h"
#include "migrations/tables/database.h"
#include "migrations/tables/row_writer.h"
#include "migrations/tables/sequence_sync.h"
#include "migrations/tables/table_order.h"

namespace authstate::tables {

struct SyncOptions {
  BatchLimits batch;
  std::size_t max_errors = 100;
  // Rounds over all tables, unless one finds nothing to do.
  int rounds = 3;
  // Finds what there is to do, and does not do it.
  bool dry_run = false;
  // Whether a table that is empty in the source may be emptied in the target.
  bool allow_emptying = false;
  // Asked once, before the first row is written; what it fails with ends the move.
  std::function<absl::Status()> before_writing = [] { return absl::OkStatus(); };
};

// What was found and done with one table, in the last round that looked at it.
struct TableSync {
  std::string table;
  std::int64_t from_rows = 0;
  std::int64_t to_rows = 0;
  // Rows that only the source had, that only the target had, and that differed.
  std::int64_t missing = 0;
  std::int64_t extra = 0;
  std::int64_t different = 0;
  // What was done in all rounds together.
  std::int64_t copied = 0;
  std::int64_t deleted = 0;

  std::int64_t found() const { return missing + extra + different; }
};

struct SyncResult {
  std::vector<TableSync> tables;
  std::vector<SequencePlace> sequences;
  // The rows that the target refused in the last round.
  std::vector<RefusedRow> refused;
  int rounds = 0;
  // Whether the last round found nothing to do; of a dry run, also no sequence that is behind.
  bool equal = false;
};

// Is told how far a table is: rows compared of about so many, and rows written.
using SyncProgress = std::function<void(const TableSync& table, std::int64_t compared, std::int64_t about)>;

// Makes the tables of `to` what they are in `from`: missing and different rows in the order of foreign keys, then extra
// ones the other way round, then sequences; again, until a round finds nothing. Holds nothing in either database and
// keeps no notes: whatever ends it, running it again goes on.
//
// `tables` are in both catalogues, and the plan is clean. FailedPrecondition, before anything is written, where a table
// would be emptied that may not be. Fails when a database does, or when more rows are refused than may be; what was
// written stays.
absl::StatusOr<SyncResult> SyncTables(Database& from, const Catalogue& from_catalogue, Database& to,
                                      const Catalogue& to_catalogue, const std::vector<std::string>& tables,
                                      bool all_tables, const SyncOptions& options, const SyncProgress& progress);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_SYNC_H_
