#include "storage/alarm.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::storage {
namespace {

// A thread that sleeps by an alarm until told to stop.
class Sleeper {
 public:
  explicit Sleeper(absl::Time until) : until_(until), thread_([this] { Run(); }) {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&asleep_));
  }
  ~Sleeper() {
    {
      const absl::MutexLock lock(&mutex_);
      stopping_ = true;
      alarm_.WakeBy(absl::InfinitePast());
    }
    thread_.join();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  bool WakeBy(absl::Time time) {
    const absl::MutexLock lock(&mutex_);
    return alarm_.WakeBy(time);
  }
  void AwaitWakes(int count) {
    const absl::MutexLock lock(&mutex_);
    while (wakes_ < count) changed_.Wait(&mutex_);
  }

 private:
  void Run() {
    const absl::MutexLock lock(&mutex_);
    while (!stopping_) {
      asleep_ = true;
      alarm_.SleepUntil(&mutex_, until_);
      ++wakes_;
      changed_.Signal();
    }
  }

  const absl::Time until_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  bool asleep_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int wakes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

TEST(AlarmTest, WakesForANearerEndAlone) {
  const absl::Time end = absl::Now() + absl::Hours(1);
  Sleeper sleeper(end);
  EXPECT_FALSE(sleeper.WakeBy(end));
  EXPECT_FALSE(sleeper.WakeBy(end + absl::Seconds(1)));
  EXPECT_TRUE(sleeper.WakeBy(end - absl::Seconds(1)));
  sleeper.AwaitWakes(1);
}

TEST(AlarmTest, WhoSleepsForNothingIsWokenForAnything) {
  Sleeper sleeper(absl::InfiniteFuture());
  EXPECT_TRUE(sleeper.WakeBy(absl::Now() + absl::Hours(1)));
  sleeper.AwaitWakes(1);
}

TEST(AlarmTest, NobodyIsWokenWhoIsAwake) {
  Alarm alarm;
  EXPECT_FALSE(alarm.WakeBy(absl::InfinitePast()));
  EXPECT_FALSE(alarm.WakeBy(absl::Now()));
}

}  // namespace
}  // namespace authstate::storage
