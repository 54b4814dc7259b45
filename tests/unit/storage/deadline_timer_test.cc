#include "storage/deadline_timer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::storage {
namespace {

using Deadline = DeadlineTimer::Deadline;

constexpr absl::Duration kSoon = absl::Milliseconds(20);

TEST(DeadlineTimerTest, EarlierDeadlinesPassFirstWhicheverWasSetFirst) {
  DeadlineTimer timer;
  std::vector<int> passed;
  absl::Notification done;
  Deadline last(timer, [&] {
    passed.push_back(3);
    done.Notify();
  });
  Deadline first(timer, [&] { passed.push_back(1); });
  Deadline second(timer, [&] { passed.push_back(2); });
  const absl::Time now = absl::Now();
  last.Set(now + 3 * kSoon);
  first.Set(now + kSoon);
  second.Set(now + 2 * kSoon);
  done.WaitForNotification();
  EXPECT_EQ(passed, (std::vector<int>{1, 2, 3}));
}

TEST(DeadlineTimerTest, DeadlineThatWasTakenBackIsNotCalled) {
  DeadlineTimer timer;
  std::atomic<bool> called = false;
  absl::Notification done;
  Deadline never(timer, [&] { called = true; });
  Deadline later(timer, [&] { done.Notify(); });
  const absl::Time now = absl::Now();
  never.Set(now + kSoon);
  later.Set(now + 2 * kSoon);
  never.Set(absl::InfiniteFuture());
  done.WaitForNotification();
  EXPECT_FALSE(called);
}

TEST(DeadlineTimerTest, OnlyAnEarlierOneTakesThePlaceOfAnother) {
  DeadlineTimer timer;
  absl::Notification brought_forward;
  absl::Notification kept;
  Deadline far(timer, [&] { brought_forward.Notify(); });
  Deadline near(timer, [&] { kept.Notify(); });
  far.Set(absl::Now() + absl::Hours(1));
  far.SetIfEarlier(absl::Now());
  near.SetIfEarlier(absl::Now() + kSoon);
  near.SetIfEarlier(absl::Now() + absl::Hours(1));
  brought_forward.WaitForNotification();
  kept.WaitForNotification();
}

TEST(DeadlineTimerTest, CallbackMaySetTheNext) {
  DeadlineTimer timer;
  constexpr int kTimes = 3;
  int called = 0;
  absl::Notification done;
  std::function<void()> again;
  Deadline deadline(timer, [&] { again(); });
  again = [&] {
    if (++called == kTimes) return done.Notify();
    deadline.Set(absl::Now());
  };
  deadline.Set(absl::Now());
  done.WaitForNotification();
  EXPECT_EQ(called, kTimes);
}

TEST(DeadlineTimerTest, WhileACallbackIsUnderWayOthersMaySetAndEndTheirs) {
  DeadlineTimer timer;
  absl::Notification under_way;
  absl::Notification go_on;
  absl::Notification done;
  Deadline slow(timer, [&] {
    under_way.Notify();
    go_on.WaitForNotification();
  });
  Deadline next(timer, [&] { done.Notify(); });
  slow.Set(absl::Now());
  under_way.WaitForNotification();
  next.Set(absl::Now());
  {
    Deadline(timer, [] {}).Set(absl::Now());
  }
  EXPECT_FALSE(done.HasBeenNotified());
  go_on.Notify();
  done.WaitForNotification();
}

TEST(DeadlineTimerTest, EndOfADeadlineWaitsForItsCallback) {
  DeadlineTimer timer;
  absl::Notification under_way;
  absl::Notification go_on;
  std::atomic<bool> returns = false;
  std::optional<Deadline> deadline;
  deadline.emplace(timer, [&] {
    under_way.Notify();
    go_on.WaitForNotification();
    returns = true;
  });
  deadline->Set(absl::Now());
  under_way.WaitForNotification();
  std::thread other([&] { go_on.Notify(); });
  deadline.reset();
  EXPECT_TRUE(returns);
  other.join();
}

// Its assertions are few, as it is the thread sanitizer that would find a race here.
TEST(DeadlineTimerTest, ManyThreadsSetAndEndDeadlinesWhileTheyPass) {
  DeadlineTimer timer;
  constexpr int kThreads = 4;
  constexpr int kDeadlines = 200;
  absl::BlockingCounter passed(kThreads * kDeadlines);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kDeadlines; ++j) {
        absl::Notification called;
        Deadline awaited(timer, [&] { called.Notify(); });
        Deadline left(timer, [] {});
        left.Set(absl::Now());
        awaited.SetIfEarlier(absl::Now());
        called.WaitForNotification();
        passed.DecrementCount();
      }
    });
  }
  passed.Wait();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace authstate::storage
