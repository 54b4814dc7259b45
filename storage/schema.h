#ifndef AUTHSTATE_STORAGE_SCHEMA_H_
#define AUTHSTATE_STORAGE_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// Which numbered SQL files a database still needs. The files stand in migrations/<dialect>/NNNN_name.sql and are built
// into the binary (cmake/EmbedMigrations.cmake). Pure and thread-safe.
namespace authstate::storage {

// A numbered SQL file. Views live as long as the program.
struct Migration {
  // 1, 2, 3, … without a gap.
  std::uint32_t version = 0;
  absl::string_view name;
  // SHA-256 of `sql`, in hex.
  absl::string_view checksum;
  absl::string_view sql;
};

// A migration as the database's own table (auth_schema_migrations) remembers it.
struct AppliedMigration {
  std::uint32_t version = 0;
  std::string checksum;
};

// What to apply, in order, to a database that has had `applied` (ordered by version); may be nothing. `known` is not
// empty. `migrate` is the operator's word that an older schema may be changed; an empty database needs none.
// FailedPrecondition with reason kSchemaUnknown, saying what to do, when the schema
//   - is older than this version knows and `migrate` was not given,
//   - is newer than this version knows,
//   - has had a migration whose file has changed since, or has gaps.
absl::StatusOr<std::vector<Migration>> PlanMigrations(absl::Span<const Migration> known,
                                                      absl::Span<const AppliedMigration> applied, bool migrate);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SCHEMA_H_
