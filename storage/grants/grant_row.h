#ifndef AUTHSTATE_STORAGE_GRANTS_GRANT_ROW_H_
#define AUTHSTATE_STORAGE_GRANTS_GRANT_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/grant.h"
#include "storage/grants/maintenance_terms.h"

namespace authstate::storage {

// A grant as databases keep it, in the columns of auth_grants. What somebody may do must not come of a damaged byte, so
// all but the times is checked: what stays (label, certificate name, rights, scopes) by `terms_checksum`, and what
// rotation replaces by the end of `verifier`.
struct GrantRow {
  std::string id;
  std::string label;
  std::string certificate_name;
  std::int64_t rights = 0;
  // One after the other: `=` for an id or `^` for a prefix, its length, `:`, and itself: `=5:sales^4:team`.
  std::string scopes;
  std::string terms_checksum;
  // A token's hash key and hash, 32 bytes each, and a checksum over them and the id; empty for a certificate.
  std::string verifier;
  absl::Time create_time;
  std::optional<absl::Time> expire_time;
  std::optional<absl::Time> revoke_time;
  std::optional<absl::Time> last_use_time;
};

// Maintenance in the columns of auth_grants_version. What is damaged of it shows in `allowed` alone, and leaves nobody
// more than was allowed.
struct MaintenanceRow {
  // Unset: there is none.
  std::optional<absl::Time> since;
  std::string reason;
  std::int64_t hold_ms = 0;
  // Both are written as GrantRow::scopes.
  std::string allowed;
  std::string opened;
};

MaintenanceRow ToRow(const MaintenanceTerms& terms);
std::optional<MaintenanceTerms> FromRow(MaintenanceRow row);

GrantRow ToRow(const Grant& grant);

// DataLoss when it is not what ToRow made.
absl::StatusOr<Grant> FromRow(GrantRow row);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_GRANTS_GRANT_ROW_H_
