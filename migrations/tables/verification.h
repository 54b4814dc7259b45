#ifndef AUTHSTATE_MIGRATIONS_TABLES_VERIFICATION_H_
#define AUTHSTATE_MIGRATIONS_TABLES_VERIFICATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "migrations/tables/catalogue.h"
#include "migrations/tables/database.h"
#include "migrations/tables/plan.h"
#include "migrations/tables/sequence_sync.h"
#include "migrations/tables/sync.h"

namespace authstate::tables {

// How long a verification says something.
inline constexpr absl::Duration kVerificationLasts = absl::Hours(24);

enum class TableState : std::uint8_t {
  // Every row was compared. Also of tables without rows.
  kEqual,
  kDifferent,
  // It could not be compared: that is no success.
  kUnknown,
};

// A row that differs, without its values.
struct RowFinding {
  // `missing`, `extra` or `different`.
  std::string kind;
  // `id=17`.
  std::string key;
  // Those that differ in a row that both have.
  std::vector<std::string> columns;
};

struct TableVerdict {
  std::string table;
  TableState state = TableState::kUnknown;
  std::int64_t from_rows = 0;
  std::int64_t to_rows = 0;
  std::int64_t missing = 0;
  std::int64_t extra = 0;
  std::int64_t different = 0;
  // The first of them.
  std::vector<RowFinding> rows;
  // Why it is unknown.
  std::string error;
};

// One of the two databases, as it was when it was looked at.
struct VerifiedSide {
  // The profile: `timeweb`.
  std::string profile;
  // `host:port/database`.
  std::string location;
  // `150005`.
  std::int64_t version = 0;
  // The schema's (Fingerprint).
  std::string fingerprint;
  // What was written later has no older transaction id.
  std::string oldest_transaction;
};

// What a comparison of two databases came to. Plain data.
struct Verification {
  // When it began: what was written later may have been looked at before.
  absl::Time verified_at;
  absl::Duration took;
  std::string schema;
  VerifiedSide from;
  VerifiedSide to;
  // Whether it is of all that are moved where none are named.
  bool all_tables = false;
  std::vector<Finding> schema_differences;
  std::vector<TableVerdict> tables;
  // Those that are behind.
  std::vector<SequencePlace> sequences;
  // When the way back was begun: from then on the source holds rows of the target.
  absl::Time reversed_at = absl::InfinitePast();

  // Whether all of it is known and the same, but for what only warns.
  bool equal() const;
  // Tables that could not be compared.
  std::vector<std::string> unknown() const;
  // Whether something is known to differ.
  bool differs() const;
  std::vector<std::string> table_names() const;
};

// Compares the schema, every row of every table of the plan, and the sequences. A table that cannot be compared is
// unknown, and the others are compared all the same. `most_listed` rows of each table are listed, with their columns.
// `fingerprint` of a side is that of its catalogue.
Verification VerifyTables(Database& from, const Catalogue& from_catalogue, Database& to, const Catalogue& to_catalogue,
                          const Plan& plan, bool all_tables, std::size_t most_listed, const SyncProgress& progress);

// Why this verification says nothing any more; empty: it does. `from` and `to` are what the catalogues are now.
std::vector<std::string> WhyStale(const Verification& verification, const Catalogue& from, const Catalogue& to,
                                  absl::Time now);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_VERIFICATION_H_
