#include "storage/counts/statement_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace authstate::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class StatementStatsTest : public testing::Test {
 protected:
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  StatementStats stats_{[this] { return now_; }};
};

TEST_F(StatementStatsTest, NothingAskedIsAllZero) {
  const StatementStats::Summary summary = stats_.Summarize();
  EXPECT_EQ(summary.statements, 0);
  EXPECT_EQ(summary.last_minute.statements, 0);
  EXPECT_EQ(summary.errors, 0);
  EXPECT_EQ(summary.last_minute.p50, absl::ZeroDuration());
  EXPECT_EQ(summary.last_minute.p99, absl::ZeroDuration());
  EXPECT_EQ(summary.connections, 0);
}

TEST_F(StatementStatsTest, AStatementLeavesTheLastMinuteAfterSixtySecondsAndStaysInTheTotal) {
  stats_.Record(absl::Milliseconds(1), "connection_lost");
  now_ += absl::Seconds(59);
  EXPECT_EQ(stats_.Summarize().last_minute.statements, 1);
  EXPECT_EQ(stats_.Summarize().last_minute.errors, 1);
  now_ += absl::Seconds(1);
  const StatementStats::Summary summary = stats_.Summarize();
  EXPECT_EQ(summary.last_minute.statements, 0);
  EXPECT_EQ(summary.last_minute.errors, 0);
  EXPECT_EQ(summary.last_minute.p50, absl::ZeroDuration());
  EXPECT_EQ(summary.statements, 1);
  EXPECT_EQ(summary.errors, 1);
}

TEST_F(StatementStatsTest, TheLastSecondsAreThoseThatAreOver) {
  stats_.Record(absl::Milliseconds(400), "deadline");
  now_ += absl::Seconds(1);
  for (int i = 0; i < 19; ++i) stats_.Record(absl::Milliseconds(1), "");
  stats_.Record(absl::Milliseconds(100), "");
  now_ += absl::Seconds(1);
  stats_.Record(absl::Milliseconds(900), "");
  const StatementStats::Interval last = stats_.Last(1);
  EXPECT_EQ(last.statements, 20);
  EXPECT_EQ(last.errors, 0);
  EXPECT_LE(last.p50, absl::Milliseconds(1.2));
  EXPECT_LE(last.p95, absl::Milliseconds(1.2));
  EXPECT_GE(last.p99, absl::Milliseconds(100));
  EXPECT_EQ(stats_.Last(2).statements, 21);
  EXPECT_EQ(stats_.Last(2).errors, 1);
  now_ += absl::Seconds(58);
  EXPECT_EQ(stats_.Last(59).statements, 21);
}

TEST_F(StatementStatsTest, ItIsKnownWhenTheDatabaseWasLastAsked) {
  EXPECT_EQ(stats_.Summarize().last_asked, std::nullopt);
  stats_.Record(absl::Milliseconds(1), "");
  EXPECT_EQ(stats_.Summarize().last_asked, now_);
  now_ += absl::Hours(1);
  EXPECT_EQ(stats_.Summarize().last_asked, now_ - absl::Hours(1));
  stats_.RecordConnectFailure("unreachable");
  EXPECT_EQ(stats_.Summarize().last_asked, now_);
}

TEST_F(StatementStatsTest, ASecondThatComesAroundAgainBeginsAtZero) {
  stats_.Record(absl::Milliseconds(1), "");
  now_ += absl::Seconds(60);
  stats_.Record(absl::Milliseconds(1), "");
  EXPECT_EQ(stats_.Summarize().last_minute.statements, 1);
}

TEST_F(StatementStatsTest, AClockThatWentBackLosesNoTotal) {
  stats_.Record(absl::Milliseconds(1), "");
  now_ -= absl::Seconds(10);
  stats_.Record(absl::Milliseconds(1), "");
  EXPECT_EQ(stats_.Summarize().statements, 2);
}

TEST_F(StatementStatsTest, LatenciesSinceTheStartAreKeptBesideThoseOfTheLastMinute) {
  stats_.Record(absl::Microseconds(50), "");
  stats_.Record(absl::Microseconds(100), "");
  stats_.Record(absl::Hours(1), "deadline");
  now_ += absl::Hours(1);
  const Histogram& latencies = stats_.latencies();
  EXPECT_EQ(latencies.count(0), 2);
  EXPECT_EQ(latencies.count(latencies.bounds().size()), 1);
  EXPECT_EQ(latencies.sum(), absl::ToInt64Nanoseconds(absl::Microseconds(150) + absl::Hours(1)));
}

TEST_F(StatementStatsTest, ErrorsAreCountedByClass) {
  stats_.Record(absl::Milliseconds(1), "disk_full");
  stats_.Record(absl::Milliseconds(1), "disk_full");
  stats_.RecordConnectFailure("unreachable");
  const StatementStats::Summary summary = stats_.Summarize();
  EXPECT_EQ(summary.errors, 3);
  EXPECT_THAT(summary.errors_by_class, ElementsAre(Pair("disk_full", 2), Pair("unreachable", 1)));
  EXPECT_EQ(summary.statements, 2) << "a connection that was not made sent no statement";
}

TEST_F(StatementStatsTest, QuantilesAreAtMostAFifthAboveTheTrueLatency) {
  for (int i = 0; i < 98; ++i) stats_.Record(absl::Milliseconds(1), "");
  for (int i = 0; i < 2; ++i) stats_.Record(absl::Milliseconds(500), "");
  const StatementStats::Summary summary = stats_.Summarize();
  EXPECT_GE(summary.last_minute.p50, absl::Milliseconds(1));
  EXPECT_LE(summary.last_minute.p50, absl::Milliseconds(1.2));
  EXPECT_GE(summary.last_minute.p99, absl::Milliseconds(500));
  EXPECT_LE(summary.last_minute.p99, absl::Milliseconds(600));
}

TEST_F(StatementStatsTest, LatenciesBeyondTheScaleAreStillCounted) {
  stats_.Record(absl::ZeroDuration(), "");
  stats_.Record(absl::Hours(100), "");
  const StatementStats::Summary summary = stats_.Summarize();
  EXPECT_EQ(summary.last_minute.statements, 2);
  EXPECT_EQ(summary.last_minute.p50, absl::Microseconds(1));
  EXPECT_GE(summary.last_minute.p99, absl::Minutes(50));
}

TEST_F(StatementStatsTest, ConnectionsAreThoseOpenNow) {
  stats_.ConnectionOpened();
  stats_.ConnectionOpened();
  stats_.ConnectionClosed();
  EXPECT_EQ(stats_.Summarize().connections, 1);
}

}  // namespace
}  // namespace authstate::storage
