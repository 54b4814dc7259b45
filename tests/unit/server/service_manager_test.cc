#include "server/service_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/server/fake_service_manager.h"

namespace authstate::server {
namespace {

using test::FakeServiceManager;
using ::testing::IsEmpty;

TEST(ServiceManagerTest, HearsThatTheServerServesLivesAndStops) {
  const test::TempDir directory;
  const FakeServiceManager manager(directory.File("notify"));
  storage::DeadlineTimer timer;
  ServiceManager told({directory.File("notify"), absl::Seconds(20)}, timer);
  told.Ready("serving on 127.0.0.1:50051");
  EXPECT_EQ(manager.Next(), "READY=1\nSTATUS=serving on 127.0.0.1:50051");
  for (int i = 0; i < 3; ++i) {
    told.ShowLife();
    EXPECT_EQ(manager.Next(), "WATCHDOG=1");
  }
  told.Stopping();
  EXPECT_EQ(manager.Next(), "STOPPING=1\nSTATUS=stopping");
  EXPECT_EQ(told.interval(), absl::Seconds(10));
}

TEST(ServiceManagerTest, MayHaveAnAbstractSocket) {
  const std::string name = absl::StrCat("authstate-service-manager-test-", getpid());
  const FakeServiceManager manager("@" + name);
  storage::DeadlineTimer timer;
  const ServiceManager told({"@" + name, absl::ZeroDuration()}, timer);
  told.Ready("");
  EXPECT_EQ(manager.Next(), "READY=1\nSTATUS=");
}

TEST(ServiceManagerTest, HearsOfNoLifeWithoutAWatchdog) {
  const test::TempDir directory;
  const FakeServiceManager manager(directory.File("notify"));
  storage::DeadlineTimer timer;
  {
    ServiceManager told({directory.File("notify"), absl::ZeroDuration()}, timer);
    told.ShowLife();
    EXPECT_EQ(told.interval(), absl::InfiniteDuration());
  }
  EXPECT_FALSE(manager.HasMessage());
}

TEST(ServiceManagerTest, IsToldInVainWhenItIsNotThere) {
  const test::TempDir directory;
  storage::DeadlineTimer timer;
  ServiceManager nobody({}, timer);
  nobody.Ready("");
  nobody.ShowLife();
  ServiceManager gone({directory.File("notify"), absl::Seconds(1)}, timer);
  gone.Ready("");
  gone.ShowLife();
  ServiceManager impossible({absl::StrCat("/", std::string(200, 'x')), absl::Seconds(1)}, timer);
  impossible.Ready("");
  impossible.Stopping();
}

TEST(ReadServiceManagerTest, TakesItsSocketAndItsWatchdog) {
  const ServiceManagerOptions options = ReadServiceManager(
      {"PATH=/bin", "NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=30000000", absl::StrCat("WATCHDOG_PID=", getpid())});
  EXPECT_EQ(options.socket, "/run/notify");
  EXPECT_EQ(options.watchdog, absl::Seconds(30));
  EXPECT_EQ(ReadServiceManager({"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=500000"}).watchdog, absl::Milliseconds(500));
}

TEST(ReadServiceManagerTest, HasNoWatchdogOfAnotherProcessOrOfNoTime) {
  const std::string socket = "NOTIFY_SOCKET=/run/notify";
  for (const char* const other :
       {"WATCHDOG_PID=1", "WATCHDOG_PID=", "WATCHDOG_USEC=x", "WATCHDOG_USEC=0", "WATCHDOG_USEC=-1"}) {
    EXPECT_EQ(ReadServiceManager({socket, "WATCHDOG_USEC=1000000", other}).watchdog, absl::ZeroDuration()) << other;
  }
  EXPECT_EQ(ReadServiceManager({"WATCHDOG_USEC=1000000"}).watchdog, absl::ZeroDuration());
  EXPECT_THAT(ReadServiceManager({}).socket, IsEmpty());
}

}  // namespace
}  // namespace authstate::server
