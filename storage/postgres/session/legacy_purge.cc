#include "storage/postgres/session/legacy_purge.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {

std::optional<absl::StatusOr<std::map<std::string, std::uint64_t>>> PurgeExpiredKeys(
    PgConnection& connection, const Layout& layout, const PurgeRequest& request, bool repeated, absl::Time deadline) {
  if (layout.purge == nullptr) return NothingExpires();
  PgArray types = PgArray::Text();
  for (const std::string& type : request.types) {
    if (std::find(std::begin(kPurgeableTypes), std::end(kPurgeableTypes), type) == std::end(kPurgeableTypes)) {
      return Error(absl::StatusCode::kInvalidArgument, kNotPurgeable,
                   absl::StrCat("types: only ", absl::StrJoin(kPurgeableTypes, ", "),
                                " can be lost without harm, and are purged"));
    }
    types.AddBytes(type);
  }
  const auto execution = connection.Execute(
      layout.purge,
      {std::move(types).Encode(), EncodePgInt8(request.dry_run ? 1 : 0),
       EncodeLockTimeout(LockTimeout(LockPatience(repeated), connection.StatementDeadline(deadline)))},
      deadline);
  if (execution.failure.has_value() && LockedOut(*execution.failure)) return std::nullopt;
  if (execution.failure.has_value()) return ToCommitStatus(*execution.failure);
  std::map<std::string, std::uint64_t> counts;
  for (const auto& row : execution.rows) {
    std::string type;
    std::uint64_t keys = 0;
    ReadRow(row, type, keys);
    counts[type] = keys;
  }
  return counts;
}

}  // namespace authstate::storage
