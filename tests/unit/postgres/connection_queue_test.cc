#include "storage/postgres/connection/connection_queue.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "storage/counts/statement_stats.h"
#include "storage/deadline_timer.h"
#include "storage/error.h"
#include "storage/postgres/connection/conninfo.h"
#include "storage/postgres/connection/pg_connection.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kRoom = 10;
constexpr absl::Duration kSoon = absl::Milliseconds(20);

// How one call came out.
struct Call {
  absl::Notification ran;
  absl::Notification ended;
  absl::Status status;

  ConnectionWork Work(absl::Time deadline) {
    return {deadline, "",
            [this](PgConnection&) {
              ran.Notify();
              return std::optional<PutBack>();
            },
            [this](absl::Status why, bool /*at_work*/) {
              status = std::move(why);
              ended.Notify();
            }};
  }
};

class ConnectionQueueTest : public testing::Test {
 protected:
  // Never connected: the queue does not look at it.
  PgConnection& connection() { return connection_; }
  DeadlineTimer& timer() { return timer_; }

 private:
  DeadlineTimer timer_;
  PgConnection connection_{Conninfo(), absl::Seconds(1), timer_};
};

TEST_F(ConnectionQueueTest, WorkIsRunInOrder) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  Call first;
  Call second;
  queue.Add(first.Work(absl::InfiniteFuture()));
  queue.Add(second.Work(absl::InfiniteFuture()));
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_TRUE(first.ran.HasBeenNotified());
  EXPECT_FALSE(second.ran.HasBeenNotified());
  queue.Close();
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_TRUE(second.ran.HasBeenNotified());
  EXPECT_FALSE(queue.Claim());
}

TEST_F(ConnectionQueueTest, WhoWaitsAndWhoIsAtWorkIsTold) {
  const auto stats = std::make_shared<StatementStats>();
  const auto counts = [&stats] { return std::pair(stats->Summarize().waiting, stats->Summarize().at_work); };
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration(), stats);
  Call watched;
  ConnectionWork work = watched.Work(absl::InfiniteFuture());
  work.run = [&](PgConnection&) {
    EXPECT_EQ(counts(), std::pair(1, 1));
    return std::optional<PutBack>();
  };
  Call second;
  queue.Add(std::move(work));
  queue.Add(second.Work(absl::InfiniteFuture()));
  EXPECT_EQ(counts(), std::pair(2, 0));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(queue.Claim());
    queue.RunNext(connection());
  }
  EXPECT_EQ(counts(), std::pair(0, 0));
  // One that is ended waits no more.
  Call hasty;
  Call third;
  queue.Add(hasty.Work(absl::Now() + kSoon));
  hasty.ended.WaitForNotification();
  queue.Add(third.Work(absl::InfiniteFuture()));
  EXPECT_EQ(counts(), std::pair(1, 0));
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_EQ(counts(), std::pair(0, 0));
}

TEST_F(ConnectionQueueTest, WorkBeyondTheLimitIsRefusedAtOnce) {
  ConnectionQueue queue(timer(), 0, absl::InfiniteDuration());
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  ASSERT_TRUE(call.ended.HasBeenNotified());
  EXPECT_EQ(ReasonOf(call.status), std::string(kQueueFull));
}

TEST_F(ConnectionQueueTest, WaitEndsWithTheDeadlineThoughNoThreadIsThere) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  Call patient;
  Call hasty;
  queue.Add(patient.Work(absl::InfiniteFuture()));
  queue.Add(hasty.Work(absl::Now() + kSoon));
  hasty.ended.WaitForNotification();
  EXPECT_EQ(hasty.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(OutcomeOf(hasty.status), Outcome::kNotApplied);
  EXPECT_FALSE(patient.ended.HasBeenNotified());
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_TRUE(patient.ran.HasBeenNotified());
  EXPECT_FALSE(hasty.ran.HasBeenNotified());
}

TEST_F(ConnectionQueueTest, WaitForBusyConnectionsIsBounded) {
  ConnectionQueue queue(timer(), kRoom, kSoon);
  queue.AddThread();
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  call.ended.WaitForNotification();
  EXPECT_EQ(call.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(RetryDelayOf(call.status).has_value());
  EXPECT_EQ(OutcomeOf(call.status), Outcome::kNotApplied);
}

TEST_F(ConnectionQueueTest, WaitWhileAllAreConnectingIsAnOutage) {
  ConnectionQueue queue(timer(), kRoom, absl::Milliseconds(200));
  queue.AddThread();
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  ASSERT_TRUE(queue.Claim());
  queue.BeginConnecting();
  call.ended.WaitForNotification();
  EXPECT_EQ(call.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(OutcomeOf(call.status), Outcome::kNotApplied);
  queue.EndConnecting();
}

TEST_F(ConnectionQueueTest, WorkOfAThreadThatIsConnectingGoesToAnother) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  ASSERT_TRUE(queue.Claim());
  queue.BeginConnecting();
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_TRUE(call.ran.HasBeenNotified());
  queue.EndConnecting();
}

TEST_F(ConnectionQueueTest, WorkThatHangsIsEndedInDoubt) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  absl::Notification ended;
  absl::Status status;
  queue.Add({absl::Now() + absl::Seconds(1), "",
             [&ended](PgConnection&) {
               ended.WaitForNotification();
               return std::optional<PutBack>();
             },
             [&](absl::Status why, bool /*at_work*/) {
               status = std::move(why);
               ended.Notify();
             }});
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
}

// Work that finds a lock in its way until it is told otherwise.
struct LockedCall : Call {
  int tries = 0;
  bool locked = true;

  ConnectionWork Work(std::string line, absl::Time deadline = absl::InfiniteFuture()) {
    ConnectionWork work = Call::Work(deadline);
    work.line = std::move(line);
    work.run = [this](PgConnection&) {
      ++tries;
      if (locked) return std::make_optional(PutBack{});
      ran.Notify();
      return std::optional<PutBack>();
    };
    return work;
  }
};

TEST_F(ConnectionQueueTest, OfALineTheFirstAloneIsTriedAndTheOthersComeAfterItInOrder) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  LockedCall first;
  LockedCall second;
  LockedCall third;
  second.locked = third.locked = false;
  queue.Add(first.Work("s"));
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_TRUE(queue.HasLine("s"));
  for (LockedCall* const call : {&second, &third}) queue.Add(call->Work("s"));
  Call other;
  queue.Add(other.Work(absl::InfiniteFuture()));
  while (!other.ran.HasBeenNotified()) {
    ASSERT_TRUE(queue.Claim());
    queue.RunNext(connection());
  }
  EXPECT_EQ(second.tries + third.tries, 0);
  first.locked = false;
  while (!second.ran.HasBeenNotified()) {
    EXPECT_FALSE(third.ran.HasBeenNotified());
    ASSERT_TRUE(queue.Claim());
    queue.RunNext(connection());
  }
  EXPECT_TRUE(first.ran.HasBeenNotified());
  queue.Close();
  while (queue.Claim()) queue.RunNext(connection());
  EXPECT_TRUE(third.ran.HasBeenNotified());
  EXPECT_FALSE(queue.HasLine("s"));
}

TEST_F(ConnectionQueueTest, WhatWaitsForALockEndsBeforeItsDeadlineAndTheNextIsTried) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  LockedCall first;
  LockedCall second;
  queue.Add(first.Work("s", absl::Now() + absl::Milliseconds(300)));
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  queue.Add(second.Work("s"));
  second.locked = false;
  queue.Close();
  while (queue.Claim()) queue.RunNext(connection());
  first.ended.WaitForNotification();
  EXPECT_EQ(first.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(OutcomeOf(first.status), Outcome::kNotApplied);
  EXPECT_TRUE(second.ran.HasBeenNotified());
}

TEST_F(ConnectionQueueTest, WhatIsLockedLeavesOtherWorkItsTurn) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  queue.AddThread();
  std::vector<LockedCall> locked(5);
  for (std::size_t i = 0; i < locked.size(); ++i) queue.Add(locked[i].Work(std::string(1, static_cast<char>('a' + i))));
  Call other;
  queue.Add(other.Work(absl::InfiniteFuture()));
  int turns = 0;
  for (; !other.ran.HasBeenNotified(); ++turns) {
    ASSERT_TRUE(queue.Claim());
    queue.RunNext(connection());
  }
  EXPECT_LE(turns, 11) << "every other turn is for what has not been tried";
  for (LockedCall& call : locked) call.locked = false;
  queue.Close();
  while (queue.Claim()) queue.RunNext(connection());
  for (LockedCall& call : locked) EXPECT_TRUE(call.ran.HasBeenNotified());
}

TEST_F(ConnectionQueueTest, ConnectionsThatAreThereAreCountedOnOnceOneFailed) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  for (int i = 0; i < 4; ++i) queue.AddThread();
  EXPECT_FALSE(queue.TooFew().has_value());
  EXPECT_EQ(queue.MayBeKept(), 2U);

  Failure failure;
  failure.fault = Fault::kNeverBegan;
  failure.no_connection = WhyNotConnected::kNoneToSpare;
  queue.Changed(ThreadState::kIdle, ThreadState::kConnected);
  queue.Changed(ThreadState::kIdle, ThreadState::kFailed, failure);
  ASSERT_TRUE(queue.TooFew().has_value());
  EXPECT_EQ(queue.TooFew()->no_connection, WhyNotConnected::kNoneToSpare);
  EXPECT_EQ(queue.MayBeKept(), 0U);

  queue.Changed(ThreadState::kIdle, ThreadState::kConnected);
  EXPECT_FALSE(queue.TooFew().has_value());
  EXPECT_EQ(queue.MayBeKept(), 1U);
  queue.Changed(ThreadState::kFailed, ThreadState::kConnected);
  EXPECT_EQ(queue.MayBeKept(), 2U);
}

TEST_F(ConnectionQueueTest, ThreadWithoutAConnectionConnectsForWorkOrForTheLeastThatIsNeeded) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  for (int i = 0; i < 3; ++i) queue.AddThread();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(queue.AwaitTurn(absl::InfinitePast()), ConnectionQueue::Turn::kConnect);
    queue.Changed(ThreadState::kIdle, ThreadState::kConnected);
    queue.EndConnecting();
  }
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  EXPECT_EQ(queue.AwaitTurn(absl::InfinitePast()), ConnectionQueue::Turn::kConnect);
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  queue.Close();
  EXPECT_EQ(queue.AwaitTurn(absl::InfinitePast()), ConnectionQueue::Turn::kEnd);
}

TEST_F(ConnectionQueueTest, InAnOutageAThreadWithoutAConnectionTakesWork) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  queue.AddThread();
  queue.Changed(ThreadState::kIdle, ThreadState::kFailed, Failure());
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  EXPECT_EQ(queue.AwaitTurn(absl::InfiniteFuture()), ConnectionQueue::Turn::kWork);
  queue.RunNext(connection());
  EXPECT_TRUE(call.ran.HasBeenNotified());
}

TEST_F(ConnectionQueueTest, ConnectionIsKeptOnceTheWorkIsDone) {
  ConnectionQueue queue(timer(), kRoom, absl::InfiniteDuration());
  Call call;
  bool kept = false;
  ConnectionWork work = call.Work(absl::InfiniteFuture());
  work.keep = [&](PgConnection&) {
    EXPECT_TRUE(call.ran.HasBeenNotified());
    kept = true;
  };
  queue.Add(std::move(work));
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_TRUE(kept);
}

}  // namespace
}  // namespace authstate::storage
