#include "storage/postgres/connection_queue.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/conninfo.h"
#include "storage/postgres/pg_connection.h"
#include "storage/postgres/watchdog.h"

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
    return {deadline, [this](PgConnection&) { ran.Notify(); },
            [this](absl::Status why) {
              status = std::move(why);
              ended.Notify();
            }};
  }
};

class ConnectionQueueTest : public testing::Test {
 protected:
  // Never connected: the queue does not look at it.
  PgConnection& connection() { return connection_; }

 private:
  Watchdog watchdog_;
  PgConnection connection_{Conninfo(), absl::Seconds(1), watchdog_};
};

TEST_F(ConnectionQueueTest, WorkIsRunInOrder) {
  ConnectionQueue queue(kRoom, absl::InfiniteDuration());
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

TEST_F(ConnectionQueueTest, WorkBeyondTheLimitIsRefusedAtOnce) {
  ConnectionQueue queue(0, absl::InfiniteDuration());
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  ASSERT_TRUE(call.ended.HasBeenNotified());
  EXPECT_EQ(ReasonOf(call.status), std::string(kQueueFull));
}

TEST_F(ConnectionQueueTest, WaitEndsWithTheDeadlineThoughNoThreadIsThere) {
  ConnectionQueue queue(kRoom, absl::InfiniteDuration());
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
  ConnectionQueue queue(kRoom, kSoon);
  queue.AddThread();
  Call call;
  queue.Add(call.Work(absl::InfiniteFuture()));
  call.ended.WaitForNotification();
  EXPECT_EQ(call.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(RetryDelayOf(call.status).has_value());
  EXPECT_EQ(OutcomeOf(call.status), Outcome::kNotApplied);
}

TEST_F(ConnectionQueueTest, WaitWhileAllAreConnectingIsAnOutage) {
  ConnectionQueue queue(kRoom, absl::Milliseconds(200));
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
  ConnectionQueue queue(kRoom, absl::InfiniteDuration());
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
  ConnectionQueue queue(kRoom, absl::InfiniteDuration());
  absl::Notification ended;
  absl::Status status;
  queue.Add({absl::Now() + absl::Seconds(1), [&ended](PgConnection&) { ended.WaitForNotification(); },
             [&](absl::Status why) {
               status = std::move(why);
               ended.Notify();
             }});
  ASSERT_TRUE(queue.Claim());
  queue.RunNext(connection());
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
}

}  // namespace
}  // namespace authstate::storage
