// Commits whose statement got no answer, on a real PostgreSQL: the caller learns what became of them, and nothing is
// applied twice or after it was said not to be. The network's part is played by a proxy.
#include "tests/conformance/commit_resolution_test.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

// What can happen to the statement of a commit on its way there and back.
struct Cut {
  Moment moment;
  Effect effect;
  const char* name;
};

class CutCommitTest : public CommitResolutionTest, public testing::WithParamInterface<Cut> {};

TEST_P(CutCommitTest, IsAppliedOnceAndAnsweredOk) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(kCommitSetsSql, GetParam().moment, GetParam().effect);
  const auto applied = Apply(backend(), SetKey(2));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  proxy().Resume();
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 2U);
}

// The very first commit of a session has no row yet to look it up in.
TEST_P(CutCommitTest, OfANewSessionIsAppliedOnceAndAnsweredOk) {
  Arm(kCommitSql, GetParam().moment, GetParam().effect);
  const auto applied = Apply(backend(), SetKey(1));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 1U);
  proxy().Resume();
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 1U);
}

INSTANTIATE_TEST_SUITE_P(Cuts, CutCommitTest,
                         testing::Values(Cut{Moment::kBefore, Effect::kReset, "ResetBefore"},
                                         Cut{Moment::kBefore, Effect::kSilence, "SilentBefore"},
                                         Cut{Moment::kMiddle, Effect::kReset, "ResetInTheMiddle"},
                                         Cut{Moment::kMiddle, Effect::kSilence, "SilentInTheMiddle"},
                                         Cut{Moment::kReply, Effect::kReset, "ReplyReset"},
                                         Cut{Moment::kReply, Effect::kSilence, "ReplySilent"}),
                         [](const auto& cut) { return std::string(cut.param.name); });

TEST_F(CommitResolutionTest, ResolutionThatIsCutTooIsTriedAgain) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Answer<Results> answer;
  Arm(kCommitSetsSql, Moment::kReply, Effect::kReset);
  Start(backend(), SetKey(2), answer);
  AwaitFired();
  Arm(kResolveSql, Moment::kReply, Effect::kReset);
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  EXPECT_EQ(Session().revision, 2U);
}

TEST_F(CommitResolutionTest, BackendKilledWhileItWaitsForALockIsFoundNotApplied) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  HoldSession();
  Answer<Results> answer;
  Start(backend(), SetKey(2), answer);
  AwaitDriversStatement("wait_event_type = 'Lock'");
  Sql(absl::StrCat("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE ", kDriversStatement));
  LetGo();
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  EXPECT_EQ(Session().revision, 2U);
}

TEST_F(CommitResolutionTest, CommitThatMayHaveBeenPushedOutStaysInDoubt) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(kCommitSetsSql, Moment::kReply, Effect::kSilence);
  Answer<Results> answer;
  Start(backend(), SetKey(2), answer);
  AwaitFired();
  for (std::uint64_t id = 3; id < 3 + kRecentCommits; ++id) ASSERT_TRUE(Apply(neighbour(), SetKey(id)).ok());
  const auto applied = answer.Await().front();
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kDeadlineExceeded) << applied.status();
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kUnknown);
}

// As many commits, but all of them before: they cannot have pushed it out.
TEST_F(CommitResolutionTest, CommitAfterManyOthersIsFoundNotApplied) {
  for (std::uint64_t id = 1; id <= 2 * kRecentCommits; ++id) ASSERT_TRUE(Apply(neighbour(), SetKey(id)).ok());
  Arm(kCommitSetsSql, Moment::kBefore, Effect::kReset);
  const auto applied = Apply(backend(), SetKey(100));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2 * kRecentCommits + 1);
}

TEST_F(CommitResolutionTest, ConditionalCommitWhoseReplyWasLostIsNotRefused) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(kCommitSetsSql, Moment::kReply, Effect::kReset);
  Commit commit = SetKey(2);
  commit.expected_revision = 1;
  const auto applied = Apply(backend(), commit);
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
}

// The making of a connection hangs for longer than the call has time. A call that finds a connection which is lost only
// then is told so before; the first may send its statement before the kernel tells of the reset, and is in doubt.
TEST_F(CommitResolutionTest, CallsEndOnTimeWhileConnectingHangs) {
  proxy().Hold(test::Direction::kToClient);
  proxy().ResetAll();
  for (int i = 0; i < 3; ++i) {
    Answer<Results> answer;
    backend().Apply({SetKey(1)}, absl::Now() + absl::Milliseconds(200), answer.Done());
    const absl::Status status = answer.Await().front().status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) << status;
    if (i > 0) {
      EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied) << status;
    }
  }
  proxy().Resume();
}

TEST_F(CommitResolutionTest, CommitWithoutIdStaysInDoubt) {
  Arm(kCommitSql, Moment::kReply, Effect::kReset);
  const auto applied = Apply(backend(), SetKey(0));
  AwaitFired();
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kUnavailable) << applied.status();
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kUnknown);
}

}  // namespace
}  // namespace authstate::storage
