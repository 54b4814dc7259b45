// Connections without end, more than the server has descriptors for.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <list>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/hostile/bystander.h"
#include "tests/hostile/http2_attacker.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(10);

class DescriptorsTest : public ::testing::Test {
 protected:
  // A server that may have that many descriptors, soft and hard limit.
  std::unique_ptr<TestServer> MustStart(const std::string& nofile) {
    TestServer::Options options;
    options.arguments = {"--sqlite-path", directory_.File("authstate.db")};
    options.launcher = {"prlimit", absl::StrCat("--nofile=", nofile)};
    auto server = TestServer::Create(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  // Attackers that hold a connection each; those that were refused are gone.
  static std::list<Http2Attacker> Crowd(const std::string& address, int connections) {
    std::list<Http2Attacker> crowd;
    for (int i = 0; i < connections; ++i) crowd.emplace_back(address).Begin();
    return crowd;
  }

  static absl::Status NewClientIsServed(const std::string& address) {
    return WriteAndRead(NewConnection(address).get(), "newcomer", 1, kDeadline);
  }

  TempDir directory_;
};

TEST_F(DescriptorsTest, ConnectionsAreBoundedBelowTheLimitAndTheRestRefused) {
  auto server = MustStart("256:256");
  ASSERT_NE(server, nullptr);
  Bystander bystander(server->address());
  for (int round = 0; round < AttackRounds(); ++round) {
    auto crowd = Crowd(server->address(), 400);
    const absl::Time give_up = absl::Now() + kDeadline;
    int refused = 0;
    while (refused <= 200 && absl::Now() < give_up) {
      refused = 0;
      for (Http2Attacker& attacker : crowd) refused += attacker.AwaitEnd(absl::Milliseconds(1)) ? 1 : 0;
    }
    EXPECT_GT(refused, 200);
    const auto line = server->process().WaitForLine("connection refused", kDeadline, Subprocess::Stream::kStderr);
    EXPECT_TRUE(line.ok()) << line.status();
  }
  EXPECT_EQ(NewClientIsServed(server->address()), absl::OkStatus());
  EXPECT_EQ(bystander.Stop(), absl::OkStatus());
}

TEST_F(DescriptorsTest, NewClientsAreServedAgainAfterDescriptorsRanOut) {
  auto server = MustStart("1024:1024");
  ASSERT_NE(server, nullptr);
  Bystander bystander(server->address());
  // Less than it counted on when it started: nothing but the kernel refuses the connections now.
  const rlimit less{128, 1024};
  ASSERT_EQ(prlimit(server->process().pid(), RLIMIT_NOFILE, &less, nullptr), 0);
  for (int round = 0; round < AttackRounds(); ++round) {
    const auto crowd = Crowd(server->address(), 300);
    const auto line = server->process().WaitForLine("cannot accept", kDeadline, Subprocess::Stream::kStderr);
    EXPECT_TRUE(line.ok()) << line.status();
  }
  EXPECT_EQ(NewClientIsServed(server->address()), absl::OkStatus());
  EXPECT_EQ(bystander.Stop(), absl::OkStatus());
}

TEST_F(DescriptorsTest, TheSoftLimitIsRaisedToTheHardOne) {
  auto server = MustStart("64:2048");
  ASSERT_NE(server, nullptr);
  rlimit limit{};
  ASSERT_EQ(prlimit(server->process().pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, 2048U);
  const auto line = server->process().WaitForLine(R"("descriptors":"2048")", kDeadline, Subprocess::Stream::kStderr);
  EXPECT_TRUE(line.ok()) << line.status();
}

// The connections of those who left count no more: otherwise a server that serves many, one after the other, would come
// to refuse everybody.
TEST_F(DescriptorsTest, WhoHasLeftIsNotCounted) {
  auto server = MustStart("256:256");
  ASSERT_NE(server, nullptr);
  for (int i = 0; i < 1'000; ++i) {
    Http2Attacker attacker(server->address());
    ASSERT_TRUE(attacker.Begin()) << i;
  }
  EXPECT_EQ(NewClientIsServed(server->address()), absl::OkStatus());
}

}  // namespace
}  // namespace authstate::test
