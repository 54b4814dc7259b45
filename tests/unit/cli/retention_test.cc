#include "client/cli/backup/retention.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace authstate::cli {
namespace {

// The days of those that stay, of backups that were made on these days of November 2026, at noon each.
std::vector<int> KeptOf(const std::vector<int>& days, const Retention& retention) {
  std::vector<absl::Time> times;
  for (const int day : days) times.push_back(absl::FromCivil(absl::CivilHour(2026, 11, day, 12), absl::UTCTimeZone()));
  const std::vector<bool> kept = Kept(times, retention);
  std::vector<int> stay;
  for (std::size_t i = 0; i < days.size(); ++i) {
    if (kept[i]) stay.push_back(days[i]);
  }
  return stay;
}

std::vector<int> AllDays() {
  std::vector<int> days;
  for (int day = 1; day <= 30; ++day) days.push_back(day);
  return days;
}

TEST(RetentionTest, NewestOfEachDayStays) {
  EXPECT_EQ(KeptOf(AllDays(), {3, 0}), (std::vector<int>{28, 29, 30}));
  EXPECT_EQ(KeptOf({7, 7, 9, 9}, {7, 0}), (std::vector<int>{7, 9}));
}

TEST(RetentionTest, NewestOfEachWeekStays) {
  // Sundays, and the Monday that begins the last one.
  EXPECT_EQ(KeptOf(AllDays(), {0, 3}), (std::vector<int>{22, 29, 30}));
}

TEST(RetentionTest, DaysAndWeeksAreOfThoseThatHaveOne) {
  EXPECT_EQ(KeptOf({1, 2, 16, 30}, {2, 3}), (std::vector<int>{2, 16, 30}));
}

TEST(RetentionTest, NewestStaysWhateverIsAsked) {
  EXPECT_EQ(KeptOf({1, 2, 3}, {0, 0}), (std::vector<int>{3}));
  // Also one of a clock that went back.
  EXPECT_EQ(KeptOf({20, 21, 3}, {1, 0}), (std::vector<int>{3}));
}

TEST(RetentionTest, NoneOfNone) { EXPECT_TRUE(Kept({}, {7, 4}).empty()); }

}  // namespace
}  // namespace authstate::cli
