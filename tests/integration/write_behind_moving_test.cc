// Sessions that are at home in files of write-behind, while their database is made another one, and is switched from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/open_psql.h"
#include "tests/integration/session_owner.h"
#include "tests/support/postgres_test.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;
using Json = nlohmann::json;

// Servers with files of their own, before `supabase`, a database of the distribution's PostgreSQL, or `timeweb`, one of
// the newest.
class WriteBehindMovingTest : public TwoPostgresTest {
 protected:
  std::unique_ptr<TestServer> Start(const std::string& file, const std::string& backend = "supabase") {
    TestServer::Options options;
    options.arguments = {"--backend",          backend,
                         "--supabase-url",     absl::StrCat(url(), "?sslmode=disable"),
                         "--timeweb-url",      absl::StrCat(newest_url(), "?sslmode=disable"),
                         "--drain-timeout-ms", "20000"};
    if (!file.empty()) {
      options.arguments.insert(options.arguments.end(),
                               {"--write-behind", folder_.File(file), "--advertise", absl::StrCat(file, ":1")});
    }
    auto server = TestServer::Create(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  static CliResult Run(const TestServer& server, std::vector<std::string> words) {
    words.emplace_back("--json");
    return CliRunner(server.address()).Run(std::move(words));
  }
  static Json MustRun(const TestServer& server, std::vector<std::string> words) {
    const CliResult result = Run(server, std::move(words));
    EXPECT_EQ(result.code, kOk) << result.err << result.out;
    return result.OutJson();
  }
  static Json MustSwitch(const TestServer& server, const std::string& target) {
    return MustRun(server, {"backend", "switch", target, "--sync", "--follow", "--yes", "--max-pause", "30s"});
  }
  static std::uint64_t Acquire(const TestServer& server, const std::string& session) {
    return MustRun(server, {"lease", "acquire", session, "--owner", "pool", "--ttl", "1h"})
        .value("fence", std::uint64_t{0});
  }
  static void MustSet(const TestServer& server, const std::string& session, std::uint64_t fence,
                      const std::string& json) {
    MustRun(server, {"keys", "set", session, "lid-mapping", "1", json, "--fence", absl::StrCat(fence)});
  }
  static std::uint64_t Unflushed(const TestServer& server) {
    return MustRun(server, {"backend", "status"})["write_behind"]["unflushed_commits"];
  }
  static void AwaitUnflushed(const TestServer& server, std::uint64_t commits) {
    const absl::Time give_up = absl::Now() + absl::Minutes(1);
    while (Unflushed(server) != commits) ASSERT_LT(absl::Now(), give_up) << Unflushed(server);
  }
  static std::string OwnerIn(const std::string& database, const std::string& session) {
    return TestPostgres::Query(
               database,
               absl::StrCat("SELECT lease_owner FROM authstate.auth_sessions WHERE session_id = '", session, "'"))
        .value_or("");
  }

  TempDir folder_;
};

TEST_F(WriteBehindMovingTest, UnderLoadHomesMoveThereAndBackAndNothingThatWasAcknowledgedIsLost) {
  auto server = Start("near.db");
  ASSERT_NE(server, nullptr);
  std::vector<std::unique_ptr<SessionOwner>> owners;
  for (int i = 0; i < 4; ++i) owners.push_back(std::make_unique<SessionOwner>(server->address(), absl::StrCat("s", i)));
  for (const char* const target : {"timeweb", "supabase", "timeweb"}) {
    for (const auto& owner : owners) owner->AwaitMore(20);
    const Json report = MustSwitch(*server, target);
    EXPECT_EQ(report["switched"], true);
    EXPECT_EQ(report["sessions_compared"], 4);
  }
  for (const auto& owner : owners) owner->AwaitMore(20);
  for (const auto& owner : owners) owner->Stop();
  AwaitUnflushed(*server, 0);
  EXPECT_THAT(OwnerIn(newest_url(), "s0"), StartsWith("home:"));
  // The one that follows has the same by its checksums, homes and all.
  MustRun(*server, {"backend", "sync", "supabase"});
  EXPECT_EQ(MustRun(*server, {"backend", "sync", "supabase", "--verify"})["sessions_equal"], 4);
  EXPECT_EQ(OwnerIn(url(), "s0"), OwnerIn(newest_url(), "s0"));
  // What the file has is what the database has, once it has given the sessions back.
  for (const auto& owner : owners) owner->Check(server->address());
  ASSERT_TRUE(server->Terminate().ok());
  server = Start("", "timeweb");
  ASSERT_NE(server, nullptr);
  for (const auto& owner : owners) owner->Check(server->address());
}

TEST_F(WriteBehindMovingTest, WhatADatabaseThatIsAwayDoesNotHaveIsFlushedToTheOneThatFollowedIt) {
  auto server = Start("near.db");
  ASSERT_NE(server, nullptr);
  const std::uint64_t fence = Acquire(*server, "s");
  MustSet(*server, "s", fence, "1");
  AwaitUnflushed(*server, 0);
  MustRun(*server, {"backend", "sync", "timeweb", "--follow"});
  ASSERT_TRUE(postgres().Kill().ok());
  MustSet(*server, "s", fence, "2");
  EXPECT_EQ(Unflushed(*server), 1U);
  const CliResult refused = Run(*server, {"backend", "switch", "timeweb", "--sync", "--yes"});
  EXPECT_NE(refused.code, kOk);
  MustRun(*server, {"backend", "switch", "timeweb", "--force", "--yes"});
  MustSet(*server, "s", fence, "3");
  AwaitUnflushed(*server, 0);
  // Back, to what has been asleep since.
  ASSERT_TRUE(postgres().Start().ok());
  MustSwitch(*server, "supabase");
  MustSet(*server, "s", fence, "4");
  AwaitUnflushed(*server, 0);
  ASSERT_TRUE(server->Terminate().ok());
  server = Start("");
  ASSERT_NE(server, nullptr);
  const Json keys = MustRun(*server, {"keys", "get", "s", "lid-mapping", "1"})["keys"];
  ASSERT_THAT(keys, SizeIs(1));
  EXPECT_EQ(keys[0]["value"], 4);
  EXPECT_EQ(MustRun(*server, {"lease", "show", "s"})["fence"], fence);
}

// A commit that waits for a row keeps what came after it in the file.
TEST_F(WriteBehindMovingTest, ServersOfOneDatabaseSwitchOneByOneInMaintenanceWithWhatTheyHaveNotFlushed) {
  const auto server = Start("near.db");
  const auto other = Start("other.db");
  ASSERT_NE(server, nullptr);
  ASSERT_NE(other, nullptr);
  const std::uint64_t here = Acquire(*server, "here");
  const std::uint64_t there = Acquire(*other, "there");
  MustSet(*server, "here", here, "1");
  MustSet(*other, "there", there, "1");
  AwaitUnflushed(*server, 0);
  AwaitUnflushed(*other, 0);
  {
    const OpenPsql holder(url(), "SELECT 1 FROM authstate.auth_sessions WHERE session_id = 'there' FOR UPDATE");
    MustSet(*other, "there", there, "2");
    const absl::Status waits = TestPostgres::AwaitAnswer(
        url(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        "1");
    ASSERT_TRUE(waits.ok()) << waits;
    MustSet(*other, "there", there, "3");
    MustRun(*server, {"maintenance", "on", "--reason", "move"});
  }
  EXPECT_GT(Unflushed(*other), 0U);
  for (const TestServer* const each : {server.get(), other.get()}) {
    EXPECT_EQ(MustSwitch(*each, "timeweb")["sessions_compared"], 2);
  }
  EXPECT_THAT(OwnerIn(newest_url(), "there"), AllOf(StartsWith("home:"), HasSubstr("@other.db:1")));
  EXPECT_GT(Unflushed(*other), 0U);
  MustRun(*server, {"maintenance", "off"});
  MustSet(*server, "here", here, "2");
  MustSet(*other, "there", there, "4");
  for (const TestServer* const each : {server.get(), other.get()}) {
    AwaitUnflushed(*each, 0);
    // Both follow the same, and neither is in the other's way.
    MustRun(*each, {"backend", "sync", "supabase"});
    EXPECT_EQ(MustRun(*each, {"backend", "sync", "supabase", "--verify"})["sessions_equal"], 2);
  }
}

TEST_F(WriteBehindMovingTest, WhatIsAtHomeBeforeTheTargetAlreadyIsNamedAndLeftAlone) {
  const auto server = Start("near.db");
  const auto other = Start("other.db", "timeweb");
  ASSERT_NE(server, nullptr);
  ASSERT_NE(other, nullptr);
  MustSet(*server, "s", Acquire(*server, "s"), "1");
  MustSet(*server, "mine", Acquire(*server, "mine"), "1");
  const std::uint64_t fence = Acquire(*other, "s");
  MustSet(*other, "s", fence, "2");
  AwaitUnflushed(*server, 0);
  AwaitUnflushed(*other, 0);
  const CliResult refused = Run(*server, {"backend", "switch", "timeweb", "--sync", "--yes"});
  EXPECT_EQ(refused.code, kRefused) << refused.err;
  EXPECT_EQ(refused.OutJson()["differing_sessions"], 1) << refused.out;
  EXPECT_EQ(refused.OutJson()["differences"][0]["session_id"], "s") << refused.out;
  EXPECT_EQ(OwnerIn(newest_url(), "mine"), OwnerIn(url(), "mine"));
  MustSet(*other, "s", fence, "3");
  AwaitUnflushed(*other, 0);
  EXPECT_EQ(MustRun(*other, {"keys", "get", "s", "lid-mapping", "1"})["keys"][0]["value"], 3);
}

}  // namespace
}  // namespace authstate::test
