#include "server/metrics/history.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/time/clock.h"

namespace authstate::server {
namespace {

std::deque<History::Point> Await(const History& history, std::size_t points) {
  std::deque<History::Point> seen = history.points();
  for (const absl::Time end = absl::Now() + absl::Seconds(60); seen.size() < points && absl::Now() < end;) {
    absl::SleepFor(absl::Milliseconds(1));
    seen = history.points();
  }
  return seen;
}

TEST(HistoryTest, APointTellsWhatCameAboutSinceTheOneBefore) {
  storage::DeadlineTimer timer;
  std::atomic<std::uint64_t> reads = 0;
  // The n-th time, n * n requests since the start.
  const auto read = [&reads] {
    History::Point point;
    const std::uint64_t n = 1 + reads++;
    point.requests = n * n;
    point.failures = n;
    point.statements.statements = n;
    return point;
  };
  const History history(read, timer, absl::Milliseconds(1));
  const auto points = Await(history, 3);
  ASSERT_GE(points.size(), 3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(points[i].requests, 2 * i + 3);
    EXPECT_EQ(points[i].failures, 1);
    EXPECT_EQ(points[i].statements.statements, i + 2);
  }
}

TEST(HistoryTest, WhatMaintenanceRefusesIsNoFailure) {
  storage::DeadlineTimer timer;
  std::atomic<std::uint64_t> reads = 0;
  // Each time three failures more, of which two are refusals; the third time more was refused than has ended.
  const auto read = [&reads] {
    History::Point point;
    const std::uint64_t n = reads++;
    point.failures = 3 * n;
    point.refused = 2 * n + (n >= 2 ? 5 : 0);
    return point;
  };
  const History history(read, timer, absl::Milliseconds(1));
  const auto points = Await(history, 3);
  ASSERT_GE(points.size(), 3);
  EXPECT_EQ(points[0].failures, 1);
  EXPECT_EQ(points[1].failures, 0);
  EXPECT_EQ(points[2].failures, 1);
}

TEST(HistoryTest, TheOldestPointMakesRoom) {
  storage::DeadlineTimer timer;
  std::atomic<std::uint64_t> reads = 0;
  const auto read = [&reads] {
    History::Point point;
    point.statements.statements = reads++;
    return point;
  };
  const History history(read, timer, absl::Milliseconds(1));
  while (reads < History::kPoints * 2) absl::SleepFor(absl::Milliseconds(1));
  const auto points = history.points();
  EXPECT_EQ(points.size(), History::kPoints);
  EXPECT_EQ(points.back().statements.statements - points.front().statements.statements, History::kPoints - 1);
}

}  // namespace
}  // namespace authstate::server
