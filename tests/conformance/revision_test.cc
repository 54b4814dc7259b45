// Revisions, and commits that are applied at one revision alone.
#include <gtest/gtest.h>

#include <optional>

#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

class RevisionTest : public ConformanceTest {};

TEST_F(RevisionTest, IsZeroBeforeTheFirstCommit) {
  const auto read = MustRead("s");
  EXPECT_EQ(read.revision, 0U);
  EXPECT_FALSE(read.exists);
}

TEST_F(RevisionTest, GrowsByOneWithEveryCommit) {
  EXPECT_EQ(MustApply(SetCreds("s", Json("{}"))), 1U);
  EXPECT_EQ(MustApply(SetKeys("s", {{{"t", "1"}, Raw("v")}})), 2U);
  EXPECT_EQ(MustApply(DeleteKeys("s", {{"t", "1"}})), 3U);
  EXPECT_EQ(MustApply(ClearKeys("s")), 4U);
  EXPECT_EQ(MustApply(DeleteCreds("s")), 5U);
  EXPECT_EQ(MustApply(DeleteSession("s")), 6U);
  EXPECT_EQ(MustRead("s").revision, 6U);
}

TEST_F(RevisionTest, GrowsAlsoWhenNothingIsDifferent) {
  MustApply(SetCreds("s", Json("{}")));
  EXPECT_EQ(MustApply(SetCreds("s", Json("{}"))), 2U);
}

TEST_F(RevisionTest, BelongsToOneSession) {
  MustApply(SetCreds("a", Json("{}")));
  MustApply(SetCreds("a", Json("{}")));
  EXPECT_EQ(MustApply(SetCreds("b", Json("{}"))), 1U);
}

TEST_F(RevisionTest, SurvivesDeletionAndGrowsAfterIt) {
  MustApply(SetCreds("s", Json("{}")));
  EXPECT_EQ(MustApply(DeleteSession("s")), 2U);
  EXPECT_EQ(MustRead("s").revision, 2U);
  EXPECT_EQ(MustApply(SetCreds("s", Json("{}"))), 3U);
}

TEST_F(RevisionTest, DoesNotGrowWithARefusedCommit) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("v")}}));
  EXPECT_FALSE(Apply(DeleteCreds("s")).ok());
  EXPECT_FALSE(Apply(At(9, SetCreds("s", Json("{}")))).ok());
  EXPECT_EQ(MustRead("s").revision, 1U);
}

TEST_F(RevisionTest, ExpectedOneIsApplied) {
  EXPECT_EQ(MustApply(At(0, SetCreds("s", Json("{}")))), 1U);
  EXPECT_EQ(MustApply(At(1, SetKeys("s", {{{"t", "1"}, Raw("v")}}))), 2U);
  EXPECT_EQ(MustApply(At(2, DeleteCreds("s"))), 3U);
  EXPECT_EQ(MustApply(At(3, DeleteSession("s"))), 4U);
  EXPECT_EQ(MustApply(At(4, SetCreds("s", Json("{}")))), 5U);
}

TEST_F(RevisionTest, OtherThanExpectedIsToldAndNothingChanges) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("kept")}}));
  MustApply(SetCreds("s", Json("1")));
  const auto before = Whole("s");

  storage::Commit commit = ClearKeys("s", {{{"t", "2"}, Raw("refused")}});
  commit.creds = Json("2");
  commit.deletes = {{"t", "1"}};
  for (const std::uint64_t expected : {0U, 1U, 3U}) {
    const auto refused = Apply(At(expected, commit));
    EXPECT_TRUE(FailsWith(refused, absl::StatusCode::kAborted, storage::kRevisionMismatch));
    EXPECT_EQ(storage::RevisionOf(refused.status()), 2U);
    EXPECT_TRUE(IsNotApplied(refused.status()));
  }
  EXPECT_EQ(Whole("s"), before);
}

TEST_F(RevisionTest, OtherThanExpectedRefusesDeletions) {
  MustApply(SetCreds("s", Json("1")));
  const auto before = Whole("s");
  EXPECT_TRUE(FailsWith(Apply(At(2, DeleteCreds("s"))), absl::StatusCode::kAborted, storage::kRevisionMismatch));
  EXPECT_TRUE(FailsWith(Apply(At(0, DeleteSession("s"))), absl::StatusCode::kAborted, storage::kRevisionMismatch));
  EXPECT_EQ(Whole("s"), before);
}

TEST_F(RevisionTest, OfASessionNeverWrittenIsZeroNotOne) {
  const auto refused = Apply(At(1, SetCreds("s", Json("{}"))));
  EXPECT_TRUE(FailsWith(refused, absl::StatusCode::kAborted, storage::kRevisionMismatch));
  EXPECT_EQ(storage::RevisionOf(refused.status()), 0U);
  EXPECT_FALSE(MustRead("s").exists);
}

TEST_F(RevisionTest, OfADeletedSessionIsNotZero) {
  MustApply(SetCreds("s", Json("{}")));
  MustApply(DeleteSession("s"));
  const auto refused = Apply(At(0, SetCreds("s", Json("{}"))));
  EXPECT_TRUE(FailsWith(refused, absl::StatusCode::kAborted, storage::kRevisionMismatch));
  EXPECT_EQ(storage::RevisionOf(refused.status()), 2U);
}

// A wrong revision says more than absence does, so it is answered first.
TEST_F(RevisionTest, MismatchIsAnsweredBeforeAbsence) {
  EXPECT_TRUE(FailsWith(Apply(At(3, DeleteSession("s"))), absl::StatusCode::kAborted, storage::kRevisionMismatch));
  EXPECT_TRUE(FailsWith(Apply(At(3, DeleteCreds("s"))), absl::StatusCode::kAborted, storage::kRevisionMismatch));
}

}  // namespace
}  // namespace authstate::conformance
