// What a switch makes of databases that differ.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "tests/unit/decorators/backend_switch_test.h"

namespace authstate::storage {
namespace {

TEST_F(BackendSwitchTest, DifferingDataIsRefusedAndNamed) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("changed", "1", "here")).ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("missing", "1", "here")).ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("same", "1", "here")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("changed", "1", "there")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("extra", "1", "there")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("same", "1", "here")).ok());
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.status));
  EXPECT_EQ(ReasonOf(outcome.status), kTargetDiffers);
  ASSERT_EQ(outcome.report.differences.size(), 3);
  EXPECT_EQ(outcome.report.differences[0].session_id, "changed");
  EXPECT_EQ(outcome.report.differences[0].what, "keys differ");
  EXPECT_EQ(outcome.report.differences[1].session_id, "extra");
  EXPECT_EQ(outcome.report.differences[1].what, "is on the target only");
  EXPECT_EQ(outcome.report.differences[2].session_id, "missing");
  EXPECT_EQ(outcome.report.differences[2].what, "is missing on the target");
  EXPECT_EQ(outcome.report.pause, absl::ZeroDuration()) << "no call is held for what cannot succeed";
  EXPECT_EQ(Serving(), "timeweb");
  EXPECT_EQ(ReadKey(*switch_, "changed", "1"), Raw("here"));
}

TEST_F(BackendSwitchTest, SnapshotsThatOthersHaveAreWaitedFor) {
  ShareData();
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  timeweb_.refused_snapshots = 2;
  supabase_.refused_snapshots = 1;
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(timeweb_.refused_snapshots, 0);
  EXPECT_EQ(supabase_.refused_snapshots, 0);
}

TEST_F(BackendSwitchTest, NoMoreThanTwentyDifferencesAreNamedAndAllAreCounted) {
  Start();
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(Apply(*switch_, SetKey(absl::StrCat("s", i), "1", "here")).ok());
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_EQ(outcome.report.differences.size(), kMaxNamedDifferences);
  EXPECT_EQ(outcome.report.differing_sessions, 25);
}

TEST_F(BackendSwitchTest, ForceSwitchesToDifferingData) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "here")).ok());
  ASSERT_TRUE(SwitchTo("supabase", /*force=*/true).status.ok());
  EXPECT_EQ(Serving(), "supabase");
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), std::nullopt);
}

TEST_F(BackendSwitchTest, OtherRevisionsOfTheSameContentAreCounted) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "x")).ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "same")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("s", "1", "same")).ok());
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.report.other_revisions, 1);
}

TEST_F(BackendSwitchTest, AServingDatabaseThatIsAwayCannotBeComparedAndCanBeLeftByForce) {
  ShareData();
  Start();
  timeweb_.away = true;
  EXPECT_EQ(ReasonOf(SwitchTo("supabase").status), kNotCompared);
  EXPECT_EQ(Serving(), "timeweb");
  EXPECT_TRUE(SwitchTo("supabase", /*force=*/true).status.ok());
  EXPECT_EQ(Serving(), "supabase");
}

TEST_F(BackendSwitchTest, ATargetThatLagsBehindIsWaitedFor) {
  Start(/*lag_patience=*/absl::Seconds(60));
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  on_progress_ = [&](const SwitchProgress& progress) {
    // Replication arrives after the first round found the difference.
    if (progress.phase == SwitchProgress::Phase::kComparing && progress.round == 1 && progress.compared == 1) {
      EXPECT_TRUE(Apply(*supabase_.data, SetKey("s", "1", "one")).ok());
    }
  };
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
}

}  // namespace
}  // namespace authstate::storage
