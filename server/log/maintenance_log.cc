#include "server/log/maintenance_log.h"

#include <string>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "server/log/logging.h"

namespace authstate::server {

void LogMaintenance(const std::optional<storage::Maintenance>& maintenance) {
  if (!maintenance.has_value()) return Log(LogLevel::kWarn, "maintenance has ended; writes go on");
  const std::string allowed = absl::StrJoin(
      maintenance->allowed, " ", [](std::string* out, const storage::SessionScope& scope) { out->append(scope.id); });
  Log(LogLevel::kWarn, "maintenance: nothing is written",
      {{"reason", maintenance->reason},
       {"since", absl::FormatTime(absl::RFC3339_sec, maintenance->since, absl::UTCTimeZone())},
       {"hold", absl::FormatDuration(maintenance->hold)},
       {"allowed", allowed}});
}

}  // namespace authstate::server
