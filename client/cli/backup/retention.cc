#include "client/cli/backup/retention.h"

#include <cstddef>
#include <numeric>
#include <optional>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/time/civil_time.h"

namespace authstate::cli {
namespace {

absl::CivilDay DayOf(absl::Time time) { return absl::ToCivilDay(time, absl::UTCTimeZone()); }
absl::CivilDay MondayOf(absl::Time time) { return absl::PrevWeekday(DayOf(time) + 1, absl::Weekday::monday); }

}  // namespace

std::vector<bool> Kept(const std::vector<absl::Time>& times, const Retention& retention) {
  std::vector<bool> kept(times.size());
  std::set<absl::CivilDay> days;
  std::set<absl::CivilDay> weeks;
  for (std::size_t i = times.size(); i-- > 0;) {
    const bool of_day = days.size() < retention.days && days.insert(DayOf(times[i])).second;
    const bool of_week = weeks.size() < retention.weeks && weeks.insert(MondayOf(times[i])).second;
    kept[i] = of_day || of_week || i + 1 == times.size();
  }
  return kept;
}

absl::StatusOr<std::vector<bool>> KeptForRight(const std::vector<absl::Time>& times, const Retention& retention,
                                               absl::FunctionRef<absl::StatusOr<bool>(std::size_t place)> is_right) {
  // The places of those that count.
  std::vector<std::size_t> counted(times.size());
  std::iota(counted.begin(), counted.end(), std::size_t{0});
  std::set<std::size_t> right;
  if (!counted.empty()) right.insert(counted.back());
  while (true) {
    std::vector<absl::Time> counted_times;
    for (const std::size_t place : counted) counted_times.push_back(times[place]);
    const std::vector<bool> kept = Kept(counted_times, retention);
    std::vector<bool> stay(times.size(), true);
    std::set<absl::CivilDay> weeks_of_going;
    for (std::size_t i = 0; i < counted.size(); ++i) {
      stay[counted[i]] = kept[i];
      if (!kept[i]) weeks_of_going.insert(MondayOf(counted_times[i]));
    }
    std::optional<std::size_t> damaged;
    for (const std::size_t place : counted) {
      if (!stay[place] || right.count(place) > 0 || weeks_of_going.count(MondayOf(times[place])) == 0) continue;
      const absl::StatusOr<bool> is = is_right(place);
      if (!is.ok()) return is.status();
      if (!*is) {
        damaged = place;
        break;
      }
      right.insert(place);
    }
    if (!damaged.has_value()) return stay;
    counted.erase(absl::c_find(counted, *damaged));
  }
}

}  // namespace authstate::cli
