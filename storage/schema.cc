#include "storage/schema.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

absl::Status UnknownSchema(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, kSchemaUnknown, message);
}

// Whether what was applied is, one by one, what this program knows; newer migrations are not looked at.
absl::Status CheckHistory(absl::Span<const Migration> known, absl::Span<const AppliedMigration> applied) {
  for (std::size_t i = 0; i < applied.size(); ++i) {
    if (applied[i].version != i + 1) {
      return UnknownSchema(absl::StrCat("the schema lacks migration ", i + 1, " before its version ",
                                        applied[i].version, "; restore the database from a backup"));
    }
    if (i < known.size() && applied[i].checksum != known[i].checksum) {
      return UnknownSchema(absl::StrCat("migration ", applied[i].version, " (", known[i].name,
                                        ") is not the one that this database has had; run the version of authstated "
                                        "that made it"));
    }
  }
  return absl::OkStatus();
}

absl::Status NewerSchema(absl::Span<const Migration> known, absl::Span<const AppliedMigration> applied) {
  return UnknownSchema(absl::StrCat("the schema has version ", VersionOf(applied), ", this program knows ",
                                    known.back().version, "; run a newer version of authstated"));
}

}  // namespace

std::uint32_t VersionOf(absl::Span<const AppliedMigration> applied) {
  return applied.empty() ? 0 : applied.back().version;
}

absl::StatusOr<std::vector<Migration>> PlanMigrations(absl::Span<const Migration> known,
                                                      absl::Span<const AppliedMigration> applied, bool migrate) {
  if (absl::Status history = CheckHistory(known, applied); !history.ok()) return history;
  const std::uint32_t latest = known.back().version;
  const bool serves = std::all_of(applied.begin(), applied.end(), [latest](const AppliedMigration& migration) {
    return migration.version <= latest || migration.serves_from <= latest;
  });
  if (!serves) return NewerSchema(known, applied);
  const absl::Span<const Migration> missing = known.subspan(std::min(applied.size(), known.size()));
  if (!missing.empty() && !applied.empty() && !migrate) {
    return UnknownSchema(absl::StrCat("the schema has version ", VersionOf(applied), ", this program needs ", latest,
                                      "; back the database up, then run authstatectl schema up, or start once with "
                                      "--migrate"));
  }
  return std::vector<Migration>(missing.begin(), missing.end());
}

absl::StatusOr<std::vector<Migration>> PlanRollback(absl::Span<const Migration> known,
                                                    absl::Span<const AppliedMigration> applied, std::uint32_t to) {
  if (absl::Status history = CheckHistory(known, applied); !history.ok()) return history;
  if (applied.size() > known.size()) return NewerSchema(known, applied);
  if (to > VersionOf(applied)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schema has version ", VersionOf(applied), ", which is below ", to));
  }
  std::vector<Migration> rollback(known.begin() + to, known.begin() + static_cast<std::ptrdiff_t>(applied.size()));
  std::reverse(rollback.begin(), rollback.end());
  return rollback;
}

}  // namespace authstate::storage
