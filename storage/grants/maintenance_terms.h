#ifndef AUTHSTATE_STORAGE_GRANTS_MAINTENANCE_TERMS_H_
#define AUTHSTATE_STORAGE_GRANTS_MAINTENANCE_TERMS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/grant.h"
#include "storage/lease.h"

// The rules of maintenance that every store follows; a driver that applies them in SQL says so there.
namespace authstate::storage {

// Maintenance as a store keeps it.
struct MaintenanceTerms {
  Maintenance present;
  // All that was allowed at any time since it began, without what is given twice: leases of these sessions may have
  // been renewed meanwhile.
  std::vector<SessionScope> opened;
};

// Whether the two say the same.
bool Same(const Maintenance& a, const Maintenance& b);

// What there is from now on, where `before` was and kBeginMaintenance asks for `asked`. It goes on since when it began;
// where `asked.since` is set and earlier, since then, as another store has it that serves no longer.
MaintenanceTerms Begun(const std::optional<MaintenanceTerms>& before, Maintenance asked, absl::Time now);

// Until when the lease lives on from the moment that the store does what `request` says, which is kBeginMaintenance or
// kEndMaintenance; nullopt: it stays as it is. Time has stood still for it, and goes on: at the end, or as its session
// is allowed now and was not. What `request.maintenance` allows at the end stays as it is as well.
std::optional<absl::Time> LivesOnUntil(absl::string_view session_id, const Lease& lease, const MaintenanceTerms& before,
                                       const GrantRequest& request, absl::Time now);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_GRANTS_MAINTENANCE_TERMS_H_
