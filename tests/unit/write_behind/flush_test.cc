// What the far store has of a session that is at home, whatever becomes of questions and answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "storage/write_behind/flusher.h"
#include "storage/write_behind/stores.h"
#include "tests/unit/write_behind/tier.h"

namespace authstate::storage {
namespace {

class FlushTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_.Open().ok());
    fence_ = server_.Acquire("s", "a");
  }

  std::uint64_t MustApply(Commit commit) {
    const auto applied = server_.Apply(std::move(commit));
    EXPECT_TRUE(applied.ok()) << applied.status();
    return applied.value_or(0);
  }
  std::uint64_t MustSet(const std::string& id, const std::string& value) {
    return MustApply(SetKey("s", fence_, id, value));
  }
  Commit Of(Commit::Action action) const {
    Commit commit;
    commit.session_id = "s";
    commit.fence = fence_;
    commit.action = action;
    return commit;
  }
  void AwaitFlushed() { AwaitSame(server_.backend(), *far_, "s"); }
  // Until so many flushes have been tried since.
  void AwaitTries(int tries) {
    const int before = server_.far().commits;
    while (server_.far().commits < before + tries) {
    }
  }

  const std::unique_ptr<Backend> far_ = NewMemoryBackend();
  Server server_{far_.get()};
  std::uint64_t fence_ = 0;
};

TEST_F(FlushTest, FollowsWithTheSameContentAndRevision) {
  EXPECT_EQ(MustSet("1", "v"), 1U);
  AwaitFlushed();
  EXPECT_EQ(MustSet("2", "w"), 2U);
  Commit creds = Of(Commit::Action::kWrite);
  creds.creds = Value{ValueKind::kJson, "{}"};
  creds.deletes = {{"t", "1"}};
  MustApply(creds);
  AwaitFlushed();
}

TEST(FlusherTest, RestsTwiceAsLongAsItHasWorkedUpToABound) {
  EXPECT_EQ(RestAfter(absl::Milliseconds(4), /*written_meanwhile=*/true), absl::Milliseconds(8));
  EXPECT_EQ(RestAfter(absl::Seconds(30), /*written_meanwhile=*/true), absl::Milliseconds(50));
}

TEST(FlusherTest, DoesNotRestWhereTheFarStoreKeepsUp) {
  EXPECT_EQ(RestAfter(absl::Milliseconds(4), /*written_meanwhile=*/false), absl::ZeroDuration());
}

TEST_F(FlushTest, RewritesOfAnOutageAreOneCommit) {
  server_.far().mode = FarBehaviour::kAway;
  for (int i = 0; i < 20; ++i) MustSet("1", absl::StrCat("v", i));
  EXPECT_EQ(server_.Key("s", "1")->bytes, "v19");
  server_.far().mode = FarBehaviour::kWorks;
  AwaitFlushed();
}

TEST_F(FlushTest, DeletionsOfAnOutageGetThere) {
  Commit creds = Of(Commit::Action::kWrite);
  creds.creds = Value{ValueKind::kJson, "{}"};
  MustApply(creds);
  MustSet("1", "v");
  MustSet("2", "v");
  AwaitFlushed();
  server_.far().mode = FarBehaviour::kAway;
  MustApply(Of(Commit::Action::kDeleteCreds));
  Commit clear = SetKey("s", fence_, "3", "w");
  clear.clear_keys = true;
  MustApply(clear);
  server_.far().mode = FarBehaviour::kWorks;
  AwaitFlushed();
  server_.far().mode = FarBehaviour::kAway;
  MustApply(Of(Commit::Action::kDeleteSession));
  MustSet("4", "x");
  server_.far().mode = FarBehaviour::kWorks;
  AwaitFlushed();
  MustApply(Of(Commit::Action::kDeleteSession));
  AwaitFlushed();
}

TEST_F(FlushTest, SessionThatCameAndWentInAnOutageIsNotThere) {
  server_.far().mode = FarBehaviour::kAway;
  MustSet("1", "v");
  MustApply(Of(Commit::Action::kDeleteSession));
  server_.far().mode = FarBehaviour::kWorks;
  AwaitFlushed();
  ASSERT_TRUE(server_.Release("s", fence_).ok());
  EXPECT_EQ(server_.Apply(SetKey("s", 0, "1", "w")).value_or(0), 3U);
}

TEST_F(FlushTest, LostAnswerIsNoSecondMoment) {
  server_.far().mode = FarBehaviour::kLosesAnswers;
  MustSet("1", "v");
  AwaitTries(2);
  // The next attempt at the same number has more than the one that was applied.
  MustSet("2", "w");
  AwaitTries(2);
  server_.far().mode = FarBehaviour::kWorks;
  AwaitFlushed();
  MustSet("3", "x");
  AwaitFlushed();
}

TEST_F(FlushTest, LostQuestionIsAskedAgain) {
  server_.far().mode = FarBehaviour::kLosesQuestions;
  MustSet("1", "v");
  AwaitTries(2);
  server_.far().mode = FarBehaviour::kWorks;
  AwaitFlushed();
}

TEST_F(FlushTest, WhatTheFarStoreHasLostIsFlushedAgain) {
  MustSet("1", "v");
  AwaitFlushed();
  server_.far().mode = FarBehaviour::kForgets;
  MustSet("2", "w");
  AwaitTries(0);
  while (server_.far().commits < 2) {
  }
  server_.far().mode = FarBehaviour::kWorks;
  MustSet("3", "x");
  AwaitFlushed();
  EXPECT_TRUE(LeaseIn(*far_, "s").held());
}

// A standby that was promoted without the last flush.
TEST_F(FlushTest, IsNotGivenBackToAFarStoreThatHasLostTheLastFlush) {
  MustSet("1", "v");
  AwaitFlushed();
  server_.far().mode = FarBehaviour::kForgets;
  const int before = server_.far().commits;
  MustSet("2", "w");
  while (server_.far().commits == before) {
  }
  server_.far().mode = FarBehaviour::kWorks;
  ASSERT_TRUE(server_.Release("s", fence_).ok());
  while (LeaseIn(*far_, "s").held()) {
  }
  Server other{far_.get()};
  ASSERT_TRUE(other.Open().ok());
  const auto value = other.Key("s", "2");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->bytes, "w");
}

// One that was promoted without the claim.
TEST_F(FlushTest, FarStoreThatHasLostTheClaimIsNoThief) {
  MustSet("1", "v");
  AwaitFlushed();
  for (const std::string owner : {"a", ""}) {
    Lease before = LeaseIn(server_.backend(), "s");
    before.owner = owner;
    ASSERT_TRUE(AskLease(*far_, PassTo("s", LeaseIn(*far_, "s").fence, before, 0), absl::InfiniteFuture()).ok());
    MustSet("2", absl::StrCat("of ", owner));
    AwaitFlushed();
    ASSERT_TRUE(LeaseIn(*far_, "s").held());
  }
}

TEST_F(FlushTest, OwnClaimWhoseAnswerWasLostIsNoThief) {
  MustSet("1", "v");
  AwaitFlushed();
  Lease before = LeaseIn(server_.backend(), "s");
  before.owner = "";
  ASSERT_TRUE(AskLease(*far_, PassTo("s", LeaseIn(*far_, "s").fence, before, 0), absl::InfiniteFuture()).ok());
  server_.far().mode = FarBehaviour::kDelaysLeases;
  const int asked = server_.far().leases;
  MustSet("2", "w");
  // Each time how it is, and to have it again.
  while (server_.far().leases < asked + 3) {
  }
  server_.far().DeliverLate(*far_);
  ASSERT_TRUE(LeaseIn(*far_, "s").held());
  server_.far().mode = FarBehaviour::kWorks;
  AwaitFlushed();
  EXPECT_TRUE(server_.Key("s", "2").has_value());
  EXPECT_TRUE(LeaseIn(*far_, "s").held());
}

TEST_F(FlushTest, CommitThatIsSentAgainIsNotFlushedAgain) {
  Commit by_id = SetKey("s", fence_, "1", "v");
  by_id.clear_keys = true;
  by_id.id = 7;
  MustApply(by_id);
  Commit by_number = SetKey("s", fence_, "2", "v");
  by_number.clear_keys = true;
  by_number.number = 1;
  MustApply(by_number);
  MustSet("3", "v");
  AwaitFlushed();
  EXPECT_EQ(MustApply(by_id), 1U);
  EXPECT_EQ(MustApply(by_number), 3U);
  MustSet("4", "v");
  AwaitFlushed();
}

TEST_F(FlushTest, CommitsWaitForRoomAndAreRefusedAtTheirDeadline) {
  server_.Close();
  server_.options().max_bytes = 100;
  ASSERT_TRUE(server_.Open().ok());
  fence_ = server_.Acquire("s", "a");
  server_.far().mode = FarBehaviour::kAway;
  MustSet("1", std::string(200, 'v'));
  const auto refused = server_.Apply(SetKey("s", fence_, "2", "w"), absl::Milliseconds(50));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused.status()), kWriteBehindFull);
  EXPECT_EQ(OutcomeOf(refused.status()), Outcome::kNotApplied);
  server_.far().mode = FarBehaviour::kWorks;
  EXPECT_EQ(MustSet("2", "w"), 2U);
  AwaitFlushed();
}

TEST_F(FlushTest, OneThatIsRefusedHoldsItsOwnCommitsAlone) {
  server_.Close();
  server_.options().max_bytes = 2'000;
  ASSERT_TRUE(server_.Open().ok());
  fence_ = server_.Acquire("s", "a");
  const std::uint64_t fence = server_.Acquire("bad", "a");
  server_.far().SetRefused("bad");
  MustApply(SetKey("bad", fence, "1", std::string(3'000, 'v')));
  MustSet("1", "v");
  MustSet("2", "v");
  AwaitFlushed();
  EXPECT_TRUE(server_.HasLogged("session bad cannot be flushed"));
  const auto refused = server_.Apply(SetKey("bad", fence, "2", "w"), absl::Milliseconds(50));
  EXPECT_EQ(ReasonOf(refused.status()), kWriteBehindFull);
  server_.far().SetRefused("");
  AwaitSame(server_.backend(), *far_, "bad");
  MustApply(SetKey("bad", fence, "2", "w"));
  AwaitSame(server_.backend(), *far_, "bad");
}

TEST_F(FlushTest, OneThatTakesTooLongIsNoOutage) {
  const std::uint64_t fence = server_.Acquire("slow", "a");
  server_.far().SetSlow("slow");
  const int before = server_.far().commits;
  MustApply(SetKey("slow", fence, "1", "v"));
  while (server_.far().commits == before) {
  }
  MustSet("1", "v");
  AwaitFlushed();
  EXPECT_FALSE(server_.HasLogged("away"));
  server_.far().SetSlow("");
  AwaitSame(server_.backend(), *far_, "slow");
}

TEST_F(FlushTest, ThoseBesideOneThatTakesTooLongAreFlushed) {
  std::map<std::string, std::uint64_t> fences;
  for (const std::string id : {"a", "b", "c", "d", "slow"}) fences[id] = server_.Acquire(id, "owner");
  // All together, as after an outage.
  server_.far().mode = FarBehaviour::kAway;
  for (const auto& [id, fence] : fences) MustApply(SetKey(id, fence, "1", "v"));
  server_.far().SetSlow("slow");
  server_.far().mode = FarBehaviour::kWorks;
  for (const auto& [id, fence] : fences) {
    if (id != "slow") AwaitSame(server_.backend(), *far_, id);
  }
  server_.far().SetSlow("");
  AwaitSame(server_.backend(), *far_, "slow");
}

TEST_F(FlushTest, WhatTheFarStoreCannotHoldIsRefusedInAnOutageToo) {
  server_.Close();
  server_.far().layout = "narrow";
  server_.options().stop_timeout = absl::ZeroDuration();
  server_.options().check_holds = [](absl::string_view layout, const Commit& /*commit*/) {
    return layout == "narrow" ? WithOutcome(absl::InvalidArgumentError("too wide"), Outcome::kNotApplied)
                              : absl::OkStatus();
  };
  ASSERT_TRUE(server_.Open().ok());
  fence_ = server_.Acquire("s", "a");
  server_.CloseWithoutFar();
  ASSERT_TRUE(server_.Open().ok());
  EXPECT_EQ(server_.backend().Describe().layout, "narrow");
  EXPECT_TRUE(absl::IsInvalidArgument(server_.Apply(SetKey("s", fence_, "1", "v")).status()));
}

TEST_F(FlushTest, StopTellsWhatIsLeftWithoutAnAnswerOfTheFarStore) {
  server_.Close();
  server_.options().stop_by = [] { return std::optional<absl::Time>(absl::Now()); };
  ASSERT_TRUE(server_.Open().ok());
  fence_ = server_.Acquire("s", "a");
  server_.far().mode = FarBehaviour::kHangs;
  MustSet("1", "v");
  while (!server_.far().Hangs()) {
  }
  std::thread stop([this] { server_.Close(); });
  // The call is under way for as long as it is not let go.
  const absl::Time given_up = absl::Now() + absl::Minutes(1);
  while (!server_.HasLogged("1 sessions stay at home") && absl::Now() < given_up) {
  }
  EXPECT_TRUE(server_.HasLogged("1 sessions stay at home"));
  server_.far().LetGo();
  stop.join();
}

TEST_F(FlushTest, CommitIdsAreKnownOnBothSides) {
  Commit commit = SetKey("s", fence_, "1", "v");
  commit.id = 7;
  EXPECT_EQ(MustApply(commit), 1U);
  MustSet("2", "w");
  ASSERT_TRUE(server_.Release("s", fence_).ok());
  // The far store knows it, and answers.
  commit.fence = 0;
  EXPECT_EQ(MustApply(commit), 1U);
  commit.id = 8;
  EXPECT_EQ(MustApply(commit), 3U);
  commit.fence = server_.Acquire("s", "a");
  EXPECT_EQ(MustApply(commit), 3U);
  commit.id = 7;
  EXPECT_EQ(MustApply(commit), 1U);
}

}  // namespace
}  // namespace authstate::storage
