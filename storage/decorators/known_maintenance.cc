#include "storage/decorators/known_maintenance.h"

#include <algorithm>
#include <ctime>

#include "storage/grants/maintenance_terms.h"
#include "storage/maintenance_state.h"

namespace authstate::storage {
namespace {

bool Same(const MaintenancePtr& known, const std::optional<Maintenance>& told) {
  if (known == nullptr || !told.has_value()) return known == nullptr && !told.has_value();
  return Same(*known, *told);
}

}  // namespace

absl::Duration UptimeWithSleep() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

bool KnownMaintenance::Learn(const std::string& store, absl::Duration asked_at,
                             const std::optional<Maintenance>& told) {
  store_ = store;
  trusted_until_ns_.store(absl::ToInt64Nanoseconds(asked_at + trust_));
  if (Same(present_, told)) return false;
  present_ = told.has_value() ? std::make_shared<const Maintenance>(*told) : nullptr;
  SettleAnew();
  return true;
}

void KnownMaintenance::SettleAnew() { settled_at_ = Now() + trust_ + kMaintenanceMargin; }

absl::Duration KnownMaintenance::SettleTime() const {
  return present_ == nullptr ? absl::ZeroDuration() : std::max(absl::ZeroDuration(), settled_at_ - Now());
}

}  // namespace authstate::storage
