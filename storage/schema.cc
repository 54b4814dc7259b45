#include "storage/schema.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

absl::Status UnknownSchema(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, kSchemaUnknown, message);
}

}  // namespace

absl::StatusOr<std::vector<Migration>> PlanMigrations(absl::Span<const Migration> known,
                                                      absl::Span<const AppliedMigration> applied, bool migrate) {
  const std::uint32_t latest = known.back().version;
  for (std::size_t i = 0; i < applied.size(); ++i) {
    if (applied[i].version > latest) {
      return UnknownSchema(absl::StrCat("the schema has version ", applied.back().version, ", this program knows ",
                                        latest, "; run a newer version of authstated"));
    }
    if (i >= known.size() || applied[i].version != known[i].version) {
      return UnknownSchema(absl::StrCat("the schema lacks migration ", i + 1, " before its version ",
                                        applied[i].version, "; restore the database from a backup"));
    }
    if (applied[i].checksum != known[i].checksum) {
      return UnknownSchema(absl::StrCat("migration ", applied[i].version, " (", known[i].name,
                                        ") is not the one that this database has had; run the version of authstated "
                                        "that made it"));
    }
  }
  const absl::Span<const Migration> missing = known.subspan(applied.size());
  if (!missing.empty() && !applied.empty() && !migrate) {
    return UnknownSchema(absl::StrCat("the schema has version ", applied.back().version, ", this program needs ",
                                      latest, "; back the database up, then start once with --migrate"));
  }
  return std::vector<Migration>(missing.begin(), missing.end());
}

}  // namespace authstate::storage
