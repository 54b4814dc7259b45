#ifndef AUTHSTATE_STORAGE_SCHEMA_H_
#define AUTHSTATE_STORAGE_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// Which numbered SQL files a database still needs, or has to lose. The files stand in migrations/<set>/NNNN_name.sql
// and are built into the binary (cmake/EmbedMigrations.cmake). Pure and thread-safe.
//
// Expand and contract: each file says from which version on a server may serve beside it (`serves_from`), and the
// database remembers it. So a server that knows version N starts on version N+1 when that only expands, and N and N+1
// run side by side while servers are replaced one after another.
namespace authstate::storage {

// A numbered SQL file. Views live as long as the program.
struct Migration {
  // 1, 2, 3, … without a gap.
  std::uint32_t version = 0;
  absl::string_view name;
  // SHA-256 of `sql`, in hex.
  absl::string_view checksum;
  absl::string_view sql;
  // The oldest version that a server may know and still serve once this has been applied; at most `version`.
  std::uint32_t serves_from = 0;
  // Takes `sql` back, with all it has kept.
  absl::string_view down;
};

// A migration as the database's own table (auth_schema_migrations) remembers it.
struct AppliedMigration {
  std::uint32_t version = 0;
  std::string checksum;
  std::uint32_t serves_from = 0;
};

// What to apply, in order, to a database that has had `applied` (ordered by version); may be nothing. `known` is not
// empty. `migrate` is the operator's word that an older schema may be changed; an empty database needs none.
// FailedPrecondition with reason kSchemaUnknown, saying what to do, when the schema
//   - is older than this version knows and `migrate` was not given,
//   - is newer than this version knows, and does not say that this version may serve it,
//   - has had a migration whose file has changed since, or has gaps.
absl::StatusOr<std::vector<Migration>> PlanMigrations(absl::Span<const Migration> known,
                                                      absl::Span<const AppliedMigration> applied, bool migrate);

// What to take back, in order, so that version `to` remains (0: nothing). FailedPrecondition with reason kSchemaUnknown
// when the schema is not one that PlanMigrations knows, newer ones included; InvalidArgument when `to` is above it.
absl::StatusOr<std::vector<Migration>> PlanRollback(absl::Span<const Migration> known,
                                                    absl::Span<const AppliedMigration> applied, std::uint32_t to);

// The version in force; 0 in an empty database.
std::uint32_t VersionOf(absl::Span<const AppliedMigration> applied);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SCHEMA_H_
