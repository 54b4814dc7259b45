#include "server/health_monitor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <utility>

#include "absl/synchronization/notification.h"
#include "storage/forwarding_backend.h"

namespace authstate::server {
namespace {

TEST(HysteresisTest, FallsOnlyAfterFailuresInARow) {
  Hysteresis state(/*serving=*/true, /*failures_to_fall=*/2, /*successes_to_rise=*/2);
  EXPECT_FALSE(state.Observe(false));
  EXPECT_FALSE(state.Observe(true));
  EXPECT_FALSE(state.Observe(false));
  EXPECT_TRUE(state.serving());
  EXPECT_TRUE(state.Observe(false));
  EXPECT_FALSE(state.serving());
}

TEST(HysteresisTest, FallsAtOnceOnACertainFailure) {
  Hysteresis state(/*serving=*/true, /*failures_to_fall=*/2, /*successes_to_rise=*/1);
  EXPECT_FALSE(state.Observe(true, /*certain=*/true));
  EXPECT_TRUE(state.Observe(false, /*certain=*/true));
  EXPECT_FALSE(state.serving());
}

TEST(HysteresisTest, RisesOnlyAfterSuccessesInARow) {
  Hysteresis state(/*serving=*/false, /*failures_to_fall=*/1, /*successes_to_rise=*/3);
  EXPECT_FALSE(state.Observe(true));
  EXPECT_FALSE(state.Observe(true));
  EXPECT_FALSE(state.Observe(false));
  EXPECT_FALSE(state.Observe(true));
  EXPECT_FALSE(state.Observe(true));
  EXPECT_TRUE(state.Observe(true));
  EXPECT_TRUE(state.serving());
}

TEST(HysteresisTest, ReportsAChangeOnce) {
  Hysteresis state(/*serving=*/true, /*failures_to_fall=*/1, /*successes_to_rise=*/1);
  EXPECT_TRUE(state.Observe(false));
  EXPECT_FALSE(state.Observe(false));
  EXPECT_TRUE(state.Observe(true));
  EXPECT_FALSE(state.Observe(true));
}

// A backend that answers signs of life alone.
class PingedBackend final : public storage::ForwardingBackend {
 public:
  PingedBackend() : ForwardingBackend(nullptr) {}

  std::atomic<bool> alive = true;

  void Ping(absl::Time /*deadline*/, PingDone done) override {
    std::move(done)(alive ? absl::OkStatus() : absl::UnavailableError("away"));
  }
};

TEST(HealthMonitorTest, FollowsTheBackendBothWays) {
  PingedBackend backend;
  absl::Notification fell;
  absl::Notification rose;
  backend.alive = false;
  const HealthMonitor monitor(&backend, absl::Milliseconds(1), [&](const absl::Status& state) {
    if (!state.ok() && !fell.HasBeenNotified()) fell.Notify();
    if (state.ok() && !rose.HasBeenNotified()) rose.Notify();
  });
  fell.WaitForNotification();
  EXPECT_FALSE(rose.HasBeenNotified());
  backend.alive = true;
  rose.WaitForNotification();
}

// A database that does not answer must not keep a server that stops from saying so.
TEST(HealthMonitorTest, AStopDoesNotWaitForTheSignOfLifeUnderWayAndBeginsNoOther) {
  class HangingBackend final : public storage::ForwardingBackend {
   public:
    HangingBackend() : ForwardingBackend(nullptr) {}
    void Ping(absl::Time /*deadline*/, PingDone done) override {
      ++pings;
      asked.Notify();
      answer.WaitForNotification();
      std::move(done)(absl::OkStatus());
    }
    std::atomic<int> pings = 0;
    absl::Notification asked;
    absl::Notification answer;
  };
  HangingBackend backend;
  {
    HealthMonitor monitor(&backend, absl::Milliseconds(1), [](const absl::Status& /*state*/) {});
    backend.asked.WaitForNotification();
    monitor.Stop();
    EXPECT_FALSE(backend.answer.HasBeenNotified());
    backend.answer.Notify();
  }
  EXPECT_EQ(backend.pings, 1);
}

}  // namespace
}  // namespace authstate::server
