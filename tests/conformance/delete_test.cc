// Deleting creds and whole sessions, and what is absent afterwards.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

class DeleteTest : public ConformanceTest {
 protected:
  void SetUp() override {
    ConformanceTest::SetUp();
    storage::Commit commit = SetKeys("s", {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Raw("2")}});
    commit.creds = Json("{}");
    MustApply(commit);
  }
};

TEST_F(DeleteTest, OfCredsLeavesTheKeys) {
  EXPECT_EQ(MustApply(DeleteCreds("s")), 2U);
  EXPECT_EQ(Whole("s"), (WholeSession{2, std::nullopt, {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Raw("2")}}}));
}

TEST_F(DeleteTest, OfCredsThatAreNotThereIsNotFound) {
  MustApply(DeleteCreds("s"));
  const auto again = Apply(DeleteCreds("s"));
  EXPECT_TRUE(FailsWith(again, absl::StatusCode::kNotFound, storage::kNoCreds));
  EXPECT_EQ(storage::RevisionOf(again.status()), 2U);
  EXPECT_TRUE(IsNotApplied(again.status()));

  const auto never = Apply(DeleteCreds("never"));
  EXPECT_TRUE(FailsWith(never, absl::StatusCode::kNotFound, storage::kNoCreds));
  EXPECT_EQ(storage::RevisionOf(never.status()), 0U);
}

TEST_F(DeleteTest, OfTheLastCredsLeavesAnEmptySession) {
  MustApply(SetCreds("bare", Json("{}")));
  MustApply(DeleteCreds("bare"));
  EXPECT_EQ(Whole("bare"), (WholeSession{2, std::nullopt, {}}));
}

TEST_F(DeleteTest, OfASessionLeavesNothingOfIt) {
  MustApply(SetKeys("other", {{{"t", "1"}, Raw("kept")}}));
  EXPECT_EQ(MustApply(DeleteSession("s")), 2U);

  const auto read = MustRead("s", {{"t", "1"}, {"t", "2"}});
  EXPECT_FALSE(read.exists);
  EXPECT_EQ(read.revision, 2U);
  EXPECT_EQ(read.creds, std::nullopt);
  EXPECT_EQ(read.values[0], std::nullopt);
  EXPECT_EQ(read.values[1], std::nullopt);
  EXPECT_EQ(ListIds({"", "", 10}), (std::vector<std::string>{"other"}));
  EXPECT_EQ(Key("other", {"t", "1"}), Raw("kept"));
}

TEST_F(DeleteTest, OfASessionThatIsNotThereIsNotFound) {
  MustApply(DeleteSession("s"));
  const auto again = Apply(DeleteSession("s"));
  EXPECT_TRUE(FailsWith(again, absl::StatusCode::kNotFound, storage::kNoSession));
  EXPECT_EQ(storage::RevisionOf(again.status()), 2U);
  EXPECT_TRUE(IsNotApplied(again.status()));

  const auto never = Apply(DeleteSession("never"));
  EXPECT_TRUE(FailsWith(never, absl::StatusCode::kNotFound, storage::kNoSession));
  EXPECT_EQ(storage::RevisionOf(never.status()), 0U);
  EXPECT_EQ(MustRead("never").revision, 0U);
}

TEST_F(DeleteTest, OfCredsInADeletedSessionIsNotFound) {
  MustApply(DeleteSession("s"));
  EXPECT_TRUE(FailsWith(Apply(DeleteCreds("s")), absl::StatusCode::kNotFound, storage::kNoCreds));
  EXPECT_FALSE(MustRead("s").exists);
}

TEST_F(DeleteTest, SessionWrittenAgainHasNothingOfItsFormerSelf) {
  MustApply(DeleteSession("s"));
  MustApply(SetKeys("s", {{{"t", "2"}, Raw("new")}}));
  EXPECT_EQ(Whole("s"), (WholeSession{3, std::nullopt, {{{"t", "2"}, Raw("new")}}}));
}

}  // namespace
}  // namespace authstate::conformance
