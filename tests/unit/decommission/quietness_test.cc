// What samples come to, in cases that take longer than a test may.
#include "migrations/decommission/quietness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace authstate::decommission {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);

class QuietnessTest : public testing::Test {
 protected:
  // So that references to samples stay good.
  QuietnessTest() { samples_.reserve(std::size_t{20'000}); }

  // A minute after the last one, with as many reads of `clients` more.
  Sample& Take(std::int64_t reads = 0, absl::Duration later = absl::Minutes(1)) {
    Sample sample;
    sample.at = samples_.empty() ? begin_ : samples_.back().at + later;
    sample.database_time = sample.at;
    sample.database = "1/2";
    sample.server_started = begin_ - kDay;
    sample.statistics_since = "database server";
    reads_ += reads;
    sessions_ += kSessionsOfASample;
    sample.sessions_made = sessions_;
    TableCounters counters;
    counters.file = 3;
    counters.index_scans = reads_;
    sample.tables = std::make_shared<const Tables>(Tables{{{"public", "clients"}, counters}});
    samples_.push_back(std::move(sample));
    return samples_.back();
  }
  void TakeDays(int days) {
    for (int minute = 0; minute < days * kDay / absl::Minutes(1); ++minute) Take();
  }
  // One session, which did something so long before the sample.
  static Clients Session(const Sample& sample, const std::string& role, absl::Duration ago) {
    return {role, "pool", "10.0.0.1", 1, sample.at - ago};
  }
  Quietness JudgeNow(const Terms& terms = {}) const { return Judge(samples_, terms, samples_.back().at); }
  static std::vector<std::string> NamesOf(const Asked& asked) {
    std::vector<std::string> names;
    for (const AskedTable& table : asked.tables) names.push_back(table.name);
    return names;
  }

  const absl::Time begin_ = absl::FromUnixSeconds(1'800'000'000);
  std::vector<Sample> samples_;

 private:
  std::int64_t reads_ = 0;
  std::int64_t sessions_ = 0;
};

TEST_F(QuietnessTest, ItIsQuietToTheMinuteOnceTheDaysAreOver) {
  Take();
  TakeDays(7);
  EXPECT_EQ(JudgeNow().verdict, Verdict::kQuiet);
  EXPECT_EQ(JudgeNow().since, begin_);
  samples_.pop_back();
  EXPECT_EQ(JudgeNow().verdict, Verdict::kUnknown);
}

TEST_F(QuietnessTest, NoSamplesAreUnknown) {
  const Quietness none = Judge({}, {}, begin_);
  EXPECT_EQ(none.verdict, Verdict::kUnknown);
  EXPECT_FALSE(none.since.has_value());
}

TEST_F(QuietnessTest, AClientThatIsOnlyConnectedIsNotNamedAsWhoAsked) {
  Take();
  Sample& sample = Take(/*reads=*/1);
  sample.clients = {Session(sample, "idle", absl::Hours(3))};
  const Quietness result = JudgeNow();
  EXPECT_EQ(result.verdict, Verdict::kAsked);
  ASSERT_THAT(result.asked, SizeIs(1));
  EXPECT_THAT(NamesOf(result.asked[0]), ElementsAre("public.clients"));
  ASSERT_THAT(result.asked[0].clients, SizeIs(1));
  EXPECT_FALSE(result.asked[0].clients[0].active);
}

// A session that stays counts what it did up to ten seconds later.
TEST_F(QuietnessTest, AClientIsNamedThoughItIsCountedInTheNextInterval) {
  Take();
  Sample& sample = Take(/*reads=*/1);
  sample.clients = {Session(sample, "app", absl::Seconds(65))};
  EXPECT_TRUE(JudgeNow().asked[0].clients[0].active);
}

TEST_F(QuietnessTest, WhoMayConnectCountsOnceTablesAreAsked) {
  Take().clients = {{"authenticator", "postgrest", "", 3, begin_}};
  Sample& asked = Take(/*reads=*/2);
  asked.clients = {Session(asked, "authenticator", absl::Seconds(1))};
  Sample& after = Take();
  after.clients = {Session(after, "authenticator", absl::Seconds(61))};
  for (const char* const allowed : {"authenticator", "authenticator/pool"}) {
    Terms terms;
    terms.may_connect = {allowed, "authenticator/postgrest"};
    const Quietness result = JudgeNow(terms);
    ASSERT_THAT(result.asked, SizeIs(1));
    EXPECT_THAT(NamesOf(result.asked[0]), ElementsAre("public.clients"));
    EXPECT_THAT(result.asked[0].clients, SizeIs(1));
    EXPECT_THAT(result.roles, ElementsAre("authenticator"));
    EXPECT_EQ(result.since, asked.at);
  }
  EXPECT_EQ(JudgeNow().since, after.at);
}

TEST_F(QuietnessTest, TablesOfIgnoredSchemasDoNotCount) {
  Take();
  Take(/*reads=*/1);
  Terms terms;
  terms.ignored_schemas = {"public"};
  EXPECT_THAT(JudgeNow(terms).asked, IsEmpty());
}

TEST_F(QuietnessTest, NeighbouringIntervalsOfTheSameAskersAreOne) {
  Take();
  for (int i = 0; i < 3; ++i) {
    Sample& sample = Take(/*reads=*/2);
    sample.clients = {Session(sample, "app", absl::Seconds(5))};
  }
  Take();
  Take(/*reads=*/1);
  const Quietness result = JudgeNow();
  ASSERT_THAT(result.asked, SizeIs(2));
  EXPECT_EQ(result.asked[0].after, begin_);
  EXPECT_EQ(result.asked[0].until, begin_ + absl::Minutes(3));
  EXPECT_EQ(result.asked[0].tables[0].reads, 6);
  EXPECT_THAT(result.asked[1].clients, IsEmpty());
}

TEST_F(QuietnessTest, WhoAskedInTheDaysIsNotForgottenOverAGapAfterIt) {
  Take();
  Take(/*reads=*/1);
  Take(/*reads=*/0, kDay);
  const Quietness result = JudgeNow();
  EXPECT_EQ(result.verdict, Verdict::kAsked);
  EXPECT_EQ(result.since, samples_.back().at);
  TakeDays(7);
  EXPECT_EQ(JudgeNow().verdict, Verdict::kQuiet);
}

TEST_F(QuietnessTest, WhatWasAskedInAGapIsToldToo) {
  Take();
  Take(/*reads=*/1, kDay);
  const Quietness result = JudgeNow();
  ASSERT_THAT(result.begun_anew, SizeIs(2));
  EXPECT_EQ(result.begun_anew[1].why, WhyAnew::kGap);
  ASSERT_THAT(result.asked, SizeIs(1));
  EXPECT_EQ(result.asked[0].after, begin_);
}

// Also where the clock of one of the machines is wrong.
TEST_F(QuietnessTest, SamplesThatEndedAreUnknown) {
  Take();
  TakeDays(7);
  for (const absl::Duration off : {absl::Minutes(6), -absl::Minutes(6)}) {
    const Quietness result = Judge(samples_, {}, samples_.back().at + off);
    EXPECT_EQ(result.verdict, Verdict::kUnknown);
    EXPECT_EQ(result.begun_anew.back().why, WhyAnew::kSilence);
  }
}

TEST_F(QuietnessTest, AnotherDatabaseBeginsAnew) {
  Take();
  Take().database = "1/3";
  EXPECT_EQ(JudgeNow().begun_anew.back().why, WhyAnew::kOtherDatabase);
}

// Whatever else says that nothing was reset.
TEST_F(QuietnessTest, ACounterThatWentDownIsAReset) {
  Take(/*reads=*/5);
  Take(/*reads=*/-1);
  EXPECT_EQ(JudgeNow().begun_anew.back().why, WhyAnew::kReset);
  Take().server_started = samples_.back().at;
  samples_.back().totals["xact_commit"] = 3;
  Sample& lost = Take();
  lost.totals["xact_commit"] = 2;
  EXPECT_EQ(JudgeNow().begun_anew.back().why, WhyAnew::kLost);
}

TEST_F(QuietnessTest, SessionsThatAskNoTableAreToldAndDoNotDecide) {
  Take();
  TakeDays(7);
  samples_.back().sessions_made += 4;
  EXPECT_EQ(JudgeNow().verdict, Verdict::kQuiet);
  EXPECT_EQ(JudgeNow().sessions_since, 4);
}

}  // namespace
}  // namespace authstate::decommission
