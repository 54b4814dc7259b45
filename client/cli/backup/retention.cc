#include "client/cli/backup/retention.h"

#include <cstddef>
#include <set>

#include "absl/time/civil_time.h"

namespace authstate::cli {

std::vector<bool> Kept(const std::vector<absl::Time>& times, const Retention& retention) {
  std::vector<bool> kept(times.size());
  std::set<absl::CivilDay> days;
  std::set<absl::CivilDay> weeks;
  for (std::size_t i = times.size(); i-- > 0;) {
    const absl::CivilDay day = absl::ToCivilDay(times[i], absl::UTCTimeZone());
    const absl::CivilDay monday = absl::PrevWeekday(day + 1, absl::Weekday::monday);
    const bool of_day = days.size() < retention.days && days.insert(day).second;
    const bool of_week = weeks.size() < retention.weeks && weeks.insert(monday).second;
    kept[i] = of_day || of_week || i + 1 == times.size();
  }
  return kept;
}

}  // namespace authstate::cli
