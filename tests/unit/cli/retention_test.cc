#include "client/cli/backup/retention.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace authstate::cli {
namespace {

// At noon of these days of November 2026.
std::vector<absl::Time> TimesOf(const std::vector<int>& days) {
  std::vector<absl::Time> times;
  for (const int day : days) times.push_back(absl::FromCivil(absl::CivilHour(2026, 11, day, 12), absl::UTCTimeZone()));
  return times;
}

// The days of those that stay, of backups that were made on these days.
std::vector<int> KeptOf(const std::vector<int>& days, const Retention& retention) {
  const std::vector<bool> kept = Kept(TimesOf(days), retention);
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

TEST(RetentionTest, WhatIsDamagedStaysAndNothingGoesForIt) {
  std::vector<std::size_t> asked;
  const auto kept = [&](const std::vector<int>& days, const Retention& retention, std::set<std::size_t> damaged) {
    asked.clear();
    const auto stay = KeptForRight(TimesOf(days), retention, [&](std::size_t place) -> absl::StatusOr<bool> {
      asked.push_back(place);
      return damaged.count(place) == 0;
    });
    EXPECT_TRUE(stay.ok()) << stay.status();
    return *stay;
  };
  // The newest of a day, and then the one before.
  EXPECT_EQ(kept({7, 7, 7, 9}, {7, 0}, {}), (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ(asked, std::vector<std::size_t>{2});
  EXPECT_EQ(kept({7, 7, 7, 9}, {7, 0}, {2}), (std::vector<bool>{false, true, true, true}));
  EXPECT_EQ(kept({7, 7, 7, 9}, {7, 0}, {1, 2}), (std::vector<bool>{true, true, true, true}));
  EXPECT_EQ(asked, (std::vector<std::size_t>{2, 1}));
  // The same for weeks.
  EXPECT_EQ(kept({2, 3, 30}, {0, 2}, {1}), (std::vector<bool>{true, true, true}));
  // Where nothing goes in its place, none is read.
  EXPECT_EQ(kept({2, 9, 16, 30}, {0, 3}, {}), (std::vector<bool>{false, true, true, true}));
  EXPECT_EQ(asked, std::vector<std::size_t>{});
}

TEST(RetentionTest, NothingIsChosenWhereOneCannotBeAsked) {
  const auto stay = KeptForRight(TimesOf({7, 7, 9}), {7, 0},
                                 [](std::size_t /*place*/) { return absl::StatusOr<bool>(absl::CancelledError("")); });
  EXPECT_TRUE(absl::IsCancelled(stay.status()));
}

}  // namespace
}  // namespace authstate::cli
