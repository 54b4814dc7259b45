// Who may go where while sessions come, leave, and wait.
#include "storage/write_behind/home_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <thread>

#include "absl/time/clock.h"

namespace authstate::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HomeTableTest : public testing::Test {
 protected:
  void AddHome(const std::string& session_id, absl::Time dirty_since = absl::InfiniteFuture()) {
    table_.AddHome(session_id, /*leaving=*/false, /*dirty_bytes=*/0, dirty_since, Lease());
  }
  HomeTable::Place Enter(const std::string& session_id, HomeTable::Use use) {
    HomeTable::Resume resume = [](const absl::Status& /*status*/) {};
    return table_.Enter(session_id, use, absl::InfiniteFuture(), &resume);
  }

  HomeTable table_{1'000, absl::Hours(1), nullptr};
};

TEST_F(HomeTableTest, OneThatCannotBeFlushedHoldsItsOwnCommitsAlone) {
  AddHome("old", absl::Now() - absl::Hours(2));
  AddHome("new");
  EXPECT_EQ(Enter("old", HomeTable::Use::kCommit), HomeTable::Place::kHeld);
  EXPECT_EQ(Enter("old", HomeTable::Use::kOther), HomeTable::Place::kNear);
  EXPECT_EQ(Enter("new", HomeTable::Use::kCommit), HomeTable::Place::kNear);
}

TEST_F(HomeTableTest, OneThatIsPutOffCountsByItself) {
  AddHome("bad");
  AddHome("good");
  const auto write = [this](const std::string& session_id, std::uint64_t bytes) {
    ASSERT_EQ(Enter(session_id, HomeTable::Use::kCommit), HomeTable::Place::kNear);
    table_.EndCommit(session_id, bytes);
  };
  write("bad", 2'000);
  EXPECT_EQ(Enter("good", HomeTable::Use::kCommit), HomeTable::Place::kHeld);
  ASSERT_THAT(table_.TakeDirty(10), ElementsAre("bad"));
  table_.PutOff("bad");
  write("good", 100);
  EXPECT_EQ(Enter("bad", HomeTable::Use::kCommit), HomeTable::Place::kHeld);
  EXPECT_THAT(table_.TakeDirty(10), ElementsAre("good"));
  EXPECT_EQ(table_.Now().bytes, 2'100U);
  table_.TryAgain("bad");
  ASSERT_THAT(table_.TakeDirty(10), ElementsAre("bad"));
  table_.Flushed("bad", /*ok=*/true);
  table_.Flushed("good", /*ok=*/true);
  EXPECT_EQ(table_.Now().bytes, 0U);
  write("bad", 999);
  write("good", 1);
  EXPECT_EQ(Enter("bad", HomeTable::Use::kCommit), HomeTable::Place::kHeld);
}

// Else a read would find nothing of a session that is forgotten meanwhile, and take it for one that does not exist.
TEST_F(HomeTableTest, DoesNotLeaveWhileItIsRead) {
  AddHome("s");
  ASSERT_EQ(Enter("s", HomeTable::Use::kOther), HomeTable::Place::kNear);
  table_.Shut("s");
  EXPECT_THAT(table_.TakeLeaving(10), IsEmpty());
  EXPECT_EQ(Enter("s", HomeTable::Use::kOther), HomeTable::Place::kHeld);
  table_.EndUse("s");
  EXPECT_THAT(table_.TakeLeaving(10), ElementsAre("s"));
}

// What is written while a flush is under way is not flushed by it.
TEST_F(HomeTableTest, CommitsCountUntilTheyAreFlushed) {
  table_.AddHome("s", /*leaving=*/false, /*dirty_bytes=*/10, absl::Now(), Lease(), /*dirty_commits=*/2);
  const auto commit = [this] {
    ASSERT_EQ(Enter("s", HomeTable::Use::kCommit), HomeTable::Place::kNear);
    table_.EndCommit("s", 5);
  };
  commit();
  EXPECT_EQ(table_.Now().commits, 3U);
  EXPECT_THAT(table_.TakeDirty(10), ElementsAre("s"));
  commit();
  table_.Flushed("s", /*ok=*/true);
  EXPECT_EQ(table_.Now().commits, 1U);
  EXPECT_EQ(table_.Now().bytes, 5U);
  EXPECT_THAT(table_.TakeDirty(10), ElementsAre("s"));
  table_.Flushed("s", /*ok=*/false);
  EXPECT_EQ(table_.Now().commits, 1U);
}

// However often others are written meanwhile.
TEST_F(HomeTableTest, WhatHasWaitedLongestIsFlushedFirst) {
  const auto write = [this](const std::string& session_id) {
    ASSERT_EQ(Enter(session_id, HomeTable::Use::kCommit), HomeTable::Place::kNear);
    table_.EndCommit(session_id, 1);
  };
  for (const char* const session_id : {"a", "b", "c", "d"}) AddHome(session_id);
  for (const char* const session_id : {"d", "b", "a", "c", "b"}) write(session_id);
  EXPECT_THAT(table_.TakeDirty(2), ElementsAre("d", "b"));
  for (const char* const session_id : {"b", "d"}) {
    write(session_id);
    table_.Flushed(session_id, /*ok=*/true);
  }
  table_.PutOff("a");
  EXPECT_THAT(table_.TakeDirty(2), ElementsAre("c", "b"));
  table_.TryAgain("a");
  EXPECT_THAT(table_.TakeDirty(10), ElementsAre("d", "a"));
  EXPECT_THAT(table_.TakeDirty(10), IsEmpty());
}

// Nobody gets in until it has left.
TEST_F(HomeTableTest, WhatIsShutIsFlushedBeforeWhatHasWaitedLonger) {
  for (const char* const session_id : {"a", "b", "c", "d"}) {
    AddHome(session_id);
    ASSERT_EQ(Enter(session_id, HomeTable::Use::kCommit), HomeTable::Place::kNear);
    table_.EndCommit(session_id, 1);
  }
  table_.WantToLeave("c", absl::InfiniteFuture(), [] {});
  ASSERT_THAT(table_.TakeLeaving(10), ElementsAre("c"));
  EXPECT_THAT(table_.TakeDirty(2), ElementsAre("c", "a"));
  table_.Flushed("c", /*ok=*/false);
  EXPECT_THAT(table_.TakeDirty(10), ElementsAre("c", "b", "d"));
  EXPECT_THAT(table_.TakeDirty(10), IsEmpty());
}

TEST_F(HomeTableTest, ClaimThatFailedLeavesNothingToDo) {
  ASSERT_TRUE(table_.BeginClaim("s"));
  bool settled = false;
  table_.WantToLeave("s", absl::InfiniteFuture(), [&settled] { settled = true; });
  table_.EndClaim("s", /*at_home=*/false, Lease());
  EXPECT_TRUE(settled);
  EXPECT_THAT(table_.TakeLeaving(10), IsEmpty());
  EXPECT_THAT(table_.TakeDirty(10), IsEmpty());
  EXPECT_EQ(Enter("s", HomeTable::Use::kOther), HomeTable::Place::kFar);
}

// Returns where it does not wait for ever.
TEST_F(HomeTableTest, WorkIsAwaitedByItsKind) {
  AddHome("s");
  ASSERT_EQ(Enter("s", HomeTable::Use::kCommit), HomeTable::Place::kNear);
  table_.EndCommit("s", 1);
  table_.AwaitWork(absl::InfiniteDuration(), HomeTable::Work::kAny);
  const absl::Duration patience = absl::Milliseconds(5);
  const absl::Time began = table_.SteadyNow();
  table_.AwaitWork(patience, HomeTable::Work::kLeaving);
  EXPECT_GE(table_.SteadyNow() - began, patience);
  std::thread leaves([this] { table_.WantToLeave("s", absl::InfiniteFuture(), [] {}); });
  table_.AwaitWork(absl::InfiniteDuration(), HomeTable::Work::kLeaving);
  leaves.join();
  EXPECT_THAT(table_.TakeLeaving(10), ElementsAre("s"));
}

TEST_F(HomeTableTest, WaitForWhatIsShutEndsWithItsLastUse) {
  AddHome("s");
  ASSERT_EQ(Enter("s", HomeTable::Use::kOther), HomeTable::Place::kNear);
  table_.Shut("s");
  std::thread ends([this] { table_.EndUse("s"); });
  table_.AwaitWork(absl::InfiniteDuration(), HomeTable::Work::kAny);
  ends.join();
  EXPECT_THAT(table_.TakeLeaving(10), ElementsAre("s"));
}

}  // namespace
}  // namespace authstate::storage
