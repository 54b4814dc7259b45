// Commits that are sent more than once: the id of a commit makes it take effect once.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

class CommitIdTest : public ConformanceTest {};

// Ids of every range that a caller may choose from.
constexpr std::uint64_t kId = 0xfedcba9876543210;
constexpr std::uint64_t kOtherId = 7;

storage::Commit WithId(std::uint64_t id, storage::Commit commit) {
  commit.id = id;
  return commit;
}

storage::Commit Set(std::string value) { return SetKeys("s", {{{"t", "1"}, Raw(std::move(value))}}); }

TEST_F(CommitIdTest, ReplayIsAnsweredWithItsRevisionAndChangesNothing) {
  EXPECT_EQ(MustApply(WithId(kId, Set("first"))), 1U);
  const auto before = Whole("s");
  EXPECT_EQ(MustApply(WithId(kId, Set("replayed"))), 1U);
  EXPECT_EQ(Whole("s"), before);
}

TEST_F(CommitIdTest, ReplayAfterOtherCommitsChangesNothing) {
  MustApply(WithId(kId, Set("first")));
  MustApply(WithId(kOtherId, Set("second")));
  MustApply(Set("third"));
  const auto before = Whole("s");
  EXPECT_EQ(MustApply(WithId(kId, Set("first"))), 1U);
  EXPECT_EQ(MustApply(WithId(kOtherId, Set("second"))), 2U);
  EXPECT_EQ(Whole("s"), before);
}

TEST_F(CommitIdTest, ReplayIsFoundBeforeItsExpectedRevisionIsLookedAt) {
  MustApply(Set("zeroth"));
  EXPECT_EQ(MustApply(WithId(kId, At(1, Set("first")))), 2U);
  EXPECT_EQ(MustApply(WithId(kId, At(1, Set("first")))), 2U);
  EXPECT_TRUE(
      FailsWith(Apply(WithId(kOtherId, At(1, Set("x")))), absl::StatusCode::kAborted, storage::kRevisionMismatch));
}

TEST_F(CommitIdTest, ReplayedDeletionIsDoneNotAbsent) {
  MustApply(SetCreds("s", Json("{}")));
  EXPECT_EQ(MustApply(WithId(1, DeleteCreds("s"))), 2U);
  EXPECT_EQ(MustApply(WithId(1, DeleteCreds("s"))), 2U);
  EXPECT_EQ(MustApply(WithId(2, DeleteSession("s"))), 3U);
  EXPECT_EQ(MustApply(WithId(2, DeleteSession("s"))), 3U);
  EXPECT_FALSE(MustRead("s").exists);
}

TEST_F(CommitIdTest, ReplayAfterDeletionDoesNotBringTheSessionBack) {
  MustApply(WithId(kId, Set("first")));
  MustApply(DeleteSession("s"));
  EXPECT_EQ(MustApply(WithId(kId, Set("first"))), 1U);
  EXPECT_FALSE(MustRead("s").exists);
}

TEST_F(CommitIdTest, IdsOfDifferentSessionsDoNotMeet) {
  EXPECT_EQ(MustApply(WithId(kId, SetCreds("a", Json("{}")))), 1U);
  EXPECT_EQ(MustApply(WithId(kId, SetCreds("b", Json("{}")))), 1U);
  EXPECT_TRUE(MustRead("b").creds.has_value());
}

TEST_F(CommitIdTest, RefusedCommitMayBeSentAgain) {
  EXPECT_FALSE(Apply(WithId(kId, At(1, Set("v")))).ok());
  MustApply(Set("zeroth"));
  EXPECT_EQ(MustApply(WithId(kId, At(1, Set("v")))), 2U);
}

TEST_F(CommitIdTest, ReplayInTheSameBatchChangesNothing) {
  const auto results = Apply({WithId(kId, Set("1")), WithId(kOtherId, Set("2")), WithId(kId, Set("3"))});
  for (const auto& result : results) ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(results[0]->revision, 1U);
  EXPECT_EQ(results[1]->revision, 2U);
  EXPECT_EQ(results[2]->revision, 1U);
  EXPECT_EQ(Whole("s")->keys.begin()->second, Raw("2"));
}

TEST_F(CommitIdTest, CommitsWithoutIdAreNeverReplays) {
  EXPECT_EQ(MustApply(WithId(0, Set("v"))), 1U);
  EXPECT_EQ(MustApply(WithId(0, Set("v"))), 2U);
}

TEST_F(CommitIdTest, TheLastOnesAreRememberedAndOlderOnesForgotten) {
  for (std::uint64_t id = 1; id <= storage::kRecentCommits + 1; ++id) {
    EXPECT_EQ(MustApply(WithId(id, Set(absl::StrCat(id)))), id);
  }
  // The oldest remembered: the first but one.
  EXPECT_EQ(MustApply(WithId(2, Set("2"))), 2U);
  EXPECT_EQ(MustApply(WithId(1, Set("1"))), storage::kRecentCommits + 2);
}

// The numbers beside an id, in whatever form they are kept, are not taken for ids.
TEST_F(CommitIdTest, RevisionIsNotAnId) {
  EXPECT_EQ(MustApply(WithId(kId, Set("v"))), 1U);
  EXPECT_EQ(MustApply(WithId(1, Set("w"))), 2U);
}

TEST_F(CommitIdTest, IdsSurviveReopening) {
  if (!store().durable()) GTEST_SKIP() << "this store keeps nothing";
  MustApply(WithId(kId, Set("v")));
  Reopen();
  EXPECT_EQ(MustApply(WithId(kId, Set("w"))), 1U);
}

}  // namespace
}  // namespace authstate::conformance
