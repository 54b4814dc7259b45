// Leases over a real authstated: every RPC is held to the fence, and the command line shows and changes leases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;

class LeaseServerTest : public testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(std::vector<std::string> options, std::vector<std::string> environment = {}) {
    server_.reset();
    options.insert(options.begin(), {"--sqlite-path", directory_.File("authstate.db")});
    auto server = test::TestServer::Create({std::move(options), std::move(environment)});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client::ClientOptions client_options;
    client_options.address = server_->address();
    client_ = std::make_unique<client::Client>(client_options);
    cli_ = std::make_unique<CliRunner>(server_->address());
  }

  client::Client& client() { return *client_; }
  CliResult Run(std::vector<std::string> arguments) { return cli_->Run(std::move(arguments)); }

  absl::StatusOr<std::uint64_t> CommitUnder(std::uint64_t fence) {
    client::CommitRequest commit;
    commit.session_id = "s";
    commit.sets = {{{"pre-key", "1"}, {ValueKind::kRaw, "v"}}};
    commit.fence = fence;
    return client().Commit(commit);
  }

 private:
  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<CliRunner> cli_;
};

TEST_F(LeaseServerTest, EveryMutationWithoutItsFenceIsRefusedAndNamesTheOwner) {
  const auto lease = client().AcquireLease("s", "pool-1", absl::Minutes(5));
  ASSERT_TRUE(lease.ok()) << lease.status();
  ASSERT_TRUE(CommitUnder(lease->fence).ok());
  const std::vector<std::function<absl::Status()>> mutations = {
      [&] {
        return client().SetCreds("s", {ValueKind::kJson, "{}"}).status();
      },
      [&] { return client().DeleteCreds("s").status(); },
      [&] {
        return client().SetKeys("s", {{{"pre-key", "2"}, {ValueKind::kRaw, "v"}}}).status();
      },
      [&] {
        return client().DeleteKeys("s", {{"pre-key", "1"}}).status();
      },
      [&] { return CommitUnder(0).status(); },
      [&] { return client().DeleteSession("s").status(); }};
  for (const auto& mutate : mutations) {
    const absl::Status refused = mutate();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_EQ(client::ReasonOf(refused), "LEASE_HELD");
    EXPECT_EQ(client::OwnerOf(refused), "pool-1");
    EXPECT_EQ(client::FenceOf(refused), lease->fence);
    EXPECT_EQ(client::OutcomeOf(refused), client::Outcome::kNotApplied);
  }
  const auto keys = client().GetKeys("s", {{"pre-key", "1"}, {"pre-key", "2"}});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->revision, 1U);
  EXPECT_EQ(keys->found.size(), 1U);
}

TEST_F(LeaseServerTest, StolenLeaseIsLostToReadsAndWrites) {
  const auto old = client().AcquireLease("s", "pool-1", absl::Minutes(5));
  ASSERT_TRUE(old.ok()) << old.status();
  const auto held = client().AcquireLease("s", "pool-2", absl::Minutes(5));
  EXPECT_EQ(client::ReasonOf(held.status()), "LEASE_HELD");
  const auto stolen = client().AcquireLease("s", "pool-2", absl::Minutes(5), /*steal=*/true);
  ASSERT_TRUE(stolen.ok()) << stolen.status();
  EXPECT_GT(stolen->fence, old->fence);
  for (const absl::Status& lost :
       {CommitUnder(old->fence).status(), client().GetKeys("s", {{"pre-key", "1"}}, old->fence).status(),
        client().RenewLease("s", old->fence, absl::Minutes(1)).status(), client().ReleaseLease("s", old->fence)}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(lost)) << lost;
    EXPECT_EQ(client::ReasonOf(lost), "STALE_FENCE");
    EXPECT_EQ(client::OwnerOf(lost), "pool-2");
  }
  EXPECT_TRUE(CommitUnder(stolen->fence).ok());
}

TEST_F(LeaseServerTest, CommandsShowAcquireRenewAndRelease) {
  EXPECT_THAT(Run({"lease", "show", "s"}).out, HasSubstr("nobody"));
  const CliResult acquired = Run({"lease", "acquire", "s", "--owner", "operator", "--ttl", "5m"});
  EXPECT_EQ(acquired.code, kOk) << acquired.err;
  EXPECT_THAT(acquired.out, HasSubstr("operator"));
  const CliResult refused = Run({"keys", "set", "s", "pre-key", "1", "1"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("operator"));
  EXPECT_EQ(Run({"lease", "acquire", "s", "--owner", "another"}).code, kRefused);
  EXPECT_EQ(Run({"lease", "renew", "s", "--fence", "1", "--ttl", "10m"}).code, kOk);
  EXPECT_EQ(Run({"lease", "renew", "s", "--fence", "2"}).code, kRefused);
  EXPECT_THAT(Run({"--json", "lease", "show", "s"}).out, HasSubstr(R"("owner":"operator","fence":1)"));
  EXPECT_EQ(Run({"lease", "acquire", "s", "--owner", "another", "--steal"}).code, kOk);
  const CliResult released = Run({"lease", "release", "s", "--fence", "2"});
  EXPECT_EQ(released.code, kOk) << released.err;
  const CliResult written = Run({"keys", "set", "s", "pre-key", "1", "1"});
  EXPECT_EQ(written.code, kOk) << written.err;
}

TEST_F(LeaseServerTest, StealingCanBeDenied) {
  Start({"--deny-steal"});
  ASSERT_TRUE(client().AcquireLease("s", "pool-1", absl::Minutes(5)).ok());
  const absl::Status denied = client().AcquireLease("s", "pool-2", absl::Minutes(5), /*steal=*/true).status();
  EXPECT_TRUE(absl::IsPermissionDenied(denied)) << denied;
  EXPECT_EQ(client::OutcomeOf(denied), client::Outcome::kNotApplied);
}

// On PostgreSQL the clock is the database's own; here it is the server's, and must not jump either.
TEST_F(LeaseServerTest, JumpsOfTheSystemsClockNeitherEndALeaseNorLengthenIt) {
  const auto clock = test::FakeClock::Create();
  ASSERT_TRUE(clock.ok()) << clock.status();
  Start({}, (*clock)->environment());
  const auto lease = client().AcquireLease("s", "pool-1", absl::Minutes(5));
  ASSERT_TRUE(lease.ok()) << lease.status();
  for (const char* const offset : {"+1h", "-1h"}) {
    (*clock)->Set(offset);
    EXPECT_EQ(client::ReasonOf(client().AcquireLease("s", "pool-2", absl::Minutes(5)).status()), "LEASE_HELD");
    const auto renewed = client().RenewLease("s", lease->fence, absl::Minutes(5));
    ASSERT_TRUE(renewed.ok()) << offset << renewed.status();
    EXPECT_LE(renewed->remaining, absl::Minutes(5)) << offset;
    EXPECT_TRUE(CommitUnder(lease->fence).ok()) << offset;
  }
  // One that is over is over: it would live for another hour by a clock that went back.
  ASSERT_TRUE(client().RenewLease("s", lease->fence, absl::Seconds(1)).ok());
  absl::StatusOr<client::Lease> taken;
  do {
    taken = client().AcquireLease("s", "pool-2", absl::Minutes(5));
  } while (client::ReasonOf(taken.status()) == "LEASE_HELD");
  EXPECT_TRUE(taken.ok()) << taken.status();
}

TEST_F(LeaseServerTest, LoadSessionIsHeldToTheFence) {
  const auto lease = client().AcquireLease("s", "pool-1", absl::Minutes(5));
  ASSERT_TRUE(lease.ok()) << lease.status();
  ASSERT_TRUE(CommitUnder(lease->fence).ok());
  int pages = 0;
  const auto count = [&pages](const client::SessionPage& /*page*/) {
    ++pages;
    return absl::OkStatus();
  };
  EXPECT_TRUE(client().LoadSession("s", 0, count, lease->fence).ok());
  EXPECT_EQ(pages, 1);
  EXPECT_EQ(client::ReasonOf(client().LoadSession("s", 0, count, lease->fence + 1)), "STALE_FENCE");
  EXPECT_EQ(pages, 1);
}

}  // namespace
}  // namespace authstate
