// Sessions of one database made those of another while they are served, over real databases of every layout.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/session_owner.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/postgres_test.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr absl::Duration kPatience = absl::Minutes(1);

// A server on a native database, `timeweb`, of the newest PostgreSQL, which may also serve from old tables, `supabase`,
// of that of the distribution, and from a file, `sqlite`.
class BackendSyncTest : public TwoPostgresTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TwoPostgresTest::SetUp());
    ASSERT_TRUE(CreateLegacyTables(url(), LegacyTables::kPlain).ok());
  }
  // The test's database is that of the old tables.
  void Serve(const std::string& backend = "timeweb") {
    const auto plain = [](const std::string& to) { return absl::StrCat(to, "?sslmode=disable"); };
    auto server =
        TestServer::Create({{"--backend", backend, "--timeweb-url", plain(newest_url()), "--supabase-url", plain(url()),
                             "--supabase-layout", "legacy", "--sqlite-path", folder_.File("store.db")},
                            {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  CliResult Cli(std::vector<std::string> words) {
    words.emplace_back("--json");
    return CliRunner(server_->address()).Run(std::move(words));
  }
  Json MustSync(const std::string& target, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"backend", "sync", target};
    words.insert(words.end(), more.begin(), more.end());
    const CliResult result = Cli(std::move(words));
    EXPECT_EQ(result.code, 0) << result.err << result.out;
    return result.OutJson();
  }
  Json MustSwitch(const std::string& target, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"backend", "switch", target, "--sync", "--yes", "--max-pause", "30s"};
    words.insert(words.end(), more.begin(), more.end());
    const absl::Time begin = absl::Now();
    const CliResult result = Cli(std::move(words));
    EXPECT_EQ(result.code, 0) << result.err << result.out;
    Json report = result.OutJson();
    if (result.code == 0) {
      std::printf("switch to %s: calls were held for %.1f ms, %.0f ms in all, %d copies\n", target.c_str(),
                  report.at("pause_ms").get<double>(), absl::ToDoubleMilliseconds(absl::Now() - begin),
                  report.at("sessions_copied").get<int>());
    }
    return report;
  }
  Json Backend(const std::string& name) {
    const Json shown = Cli({"backend", "status"}).OutJson();
    for (const Json& backend : shown.at("backends")) {
      if (backend.at("name") == name) return backend;
    }
    return {};
  }
  client::Client Client() const {
    client::ClientOptions options;
    options.address = server_->address();
    return client::Client(options);
  }
  std::uint64_t Write(const std::string& session_id, const std::string& value,
                      std::optional<std::uint64_t> expected_revision = std::nullopt) {
    client::CommitRequest commit;
    commit.session_id = session_id;
    commit.expected_revision = expected_revision;
    commit.sets = {{{"session", "1"}, {ValueKind::kRaw, value}}};
    auto revision = Client().Commit(commit);
    EXPECT_TRUE(revision.ok()) << revision.status();
    return revision.value_or(0);
  }
  std::string Read(const std::string& session_id) {
    auto found = Client().GetKeys(session_id, {{"session", "1"}});
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() && !found->found.empty() ? found->found.front().value.bytes : "";
  }

  TempDir folder_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(BackendSyncTest, ThroughEveryLayoutAndBackUnderLoadNoCallFailsAndOwnersGoOn) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  std::vector<std::unique_ptr<SessionOwner>> owners;
  for (int i = 0; i < 4; ++i)
    owners.push_back(std::make_unique<SessionOwner>(server_->address(), absl::StrCat("s", i)));
  for (const char* const target : {"supabase", "sqlite", "timeweb", "sqlite", "supabase", "timeweb"}) {
    for (const auto& owner : owners) owner->AwaitMore(5);
    MustSwitch(target, {"--follow"});
    EXPECT_EQ(Backend(target).at("serving"), true);
  }
  for (const auto& owner : owners) owner->AwaitMore(5);
  for (const auto& owner : owners) owner->Stop();
  for (const auto& owner : owners) owner->Check(server_->address());
}

TEST_F(BackendSyncTest, ALeaseThatIsNearItsEndDoesNotEndByASwitch) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  client::Client pool = Client();
  const auto lease = pool.AcquireLease("s", "pool", absl::Seconds(20));
  ASSERT_TRUE(lease.ok()) << lease.status();
  MustSync("supabase");
  ASSERT_TRUE(pool.RenewLease("s", lease->fence, absl::Minutes(30)).ok());
  MustSwitch("supabase");
  const auto after = pool.GetLease("s");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->fence, lease->fence);
  EXPECT_GT(after->remaining, absl::Minutes(29));
}

TEST_F(BackendSyncTest, WhatOldProgramsWriteIsSeenByTheNextSync) {
  ASSERT_NO_FATAL_FAILURE(Serve("supabase"));
  const std::uint64_t revision = Write("s", "ours");
  EXPECT_EQ(MustSync("timeweb").at("sessions_copied"), 1);
  EXPECT_EQ(MustSync("timeweb").at("sessions_copied"), 0);
  Sql(R"(UPDATE whatsapp_keys SET value = '{"type":"Buffer","data":"dGhlaXJz"}', updated_at = now())");
  Sql(R"(INSERT INTO whatsapp_auth (company_id, creds) VALUES ('old', '{"me":1}'))");
  EXPECT_EQ(MustSync("timeweb").at("sessions_copied"), 2);
  MustSwitch("timeweb");
  EXPECT_EQ(Read("s"), "theirs");
  EXPECT_TRUE(Client().GetCreds("old").ok());
  client::CommitRequest stale;
  stale.session_id = "s";
  stale.expected_revision = revision;
  stale.deletes = {{"session", "1"}};
  EXPECT_TRUE(absl::IsAborted(Client().Commit(stale).status())) << "the write of others moved the revision on";
}

TEST_F(BackendSyncTest, WhatOldProgramsWroteOnTheTargetIsNotOverwrittenSilently) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  Write("s", "one");
  MustSync("supabase");
  Write("s", "two");
  Sql(R"(UPDATE whatsapp_keys SET value = '{"type":"Buffer","data":"dGhlaXJz"}', updated_at = now())");
  const CliResult refused = Cli({"backend", "sync", "supabase"});
  EXPECT_EQ(refused.code, kRefused) << refused.out;
  EXPECT_EQ(refused.OutJson().at("differences").at(0).at("what"), "was written on the target by others");
  MustSync("supabase", {"--overwrite", "--yes"});
  EXPECT_EQ(Cli({"backend", "sync", "supabase", "--verify"}).code, 0);
}

TEST_F(BackendSyncTest, ADryRunTellsAndChangesNothingOnEitherSide) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  Write("s", "one");
  ASSERT_EQ(Cli({"backend", "status", "--probe"}).code, 0) << "which makes the tables";
  const auto transactions = [this] {
    std::string of_both;
    for (const std::string& database : {newest_url(), url()}) {
      const auto next = TestPostgres::Query(database, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
      EXPECT_TRUE(next.ok()) << next.status();
      absl::StrAppend(&of_both, next.value_or(""), " ");
    }
    return of_both;
  };
  const std::string before = transactions();
  const CliResult told = Cli({"backend", "sync", "supabase", "--dry-run"});
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_EQ(told.OutJson().at("differing_sessions"), 1);
  EXPECT_EQ(told.OutJson().at("sessions_copied"), 0);
  const CliResult verified = Cli({"backend", "sync", "supabase", "--verify"});
  EXPECT_EQ(verified.code, kDataLoss) << verified.err;
  EXPECT_EQ(transactions(), before) << "of both databases, and no transaction that writes";
}

TEST_F(BackendSyncTest, WhatIsNewerOnTheTargetIsNamedAndTakesAFlag) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  Write("s", "one");
  MustSwitch("supabase");
  Write("s", "two");
  Write("there", "only");
  ASSERT_EQ(Cli({"backend", "switch", "timeweb", "--force", "--yes"}).code, 0);
  const CliResult refused = Cli({"backend", "switch", "supabase", "--sync", "--yes"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_EQ(refused.OutJson().at("differing_sessions"), 2);
  EXPECT_EQ(refused.OutJson().at("differences").at(0).at("what"),
            "is newer on the target: at revision 2, and at 1 here");
  EXPECT_EQ(refused.OutJson().at("differences").at(1).at("what"), "is on the target only");
  EXPECT_EQ(Backend("timeweb").at("serving"), true);
  MustSwitch("supabase", {"--overwrite"});
  EXPECT_EQ(Read("s"), "one");
  EXPECT_EQ(Write("s", "three"), 4U) << "no revision that was given there is given again";
}

TEST_F(BackendSyncTest, WhatTheOldTablesCannotHoldIsNamedAndTheRestGoesOver) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  Write("fits", "one");
  Write("does.not.fit", "one");
  const CliResult refused = Cli({"backend", "sync", "supabase"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_EQ(refused.OutJson().at("sessions_equal"), 1);
  EXPECT_EQ(refused.OutJson().at("differences").at(0).at("session_id"), "does.not.fit");
  EXPECT_THAT(refused.OutJson().at("differences").at(0).at("what").get<std::string>(), HasSubstr("cannot be copied"));
}

TEST_F(BackendSyncTest, AfterASwitchTheOldOneFollowsAndTheWayBackLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  for (int i = 0; i < 50; ++i) Write(absl::StrCat("s", i), "one");
  MustSwitch("supabase", {"--follow"});
  EXPECT_TRUE(Backend("timeweb").contains("following"));
  Write("s7", "two");
  const absl::Time written = absl::Now();
  const absl::Time give_up = written + kPatience;
  // Until it says that it has what was written then.
  const auto has_it = [&] {
    const Json following = Backend("timeweb").at("following");
    return following.at("lag_seconds").is_number() &&
           following.at("lag_seconds").get<double>() < absl::ToDoubleSeconds(absl::Now() - written);
  };
  while (!has_it() && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(20));
  ASSERT_TRUE(has_it());
  EXPECT_EQ(Backend("timeweb").at("following").at("differing_sessions"), 0);
  // To look does not end it.
  MustSync("timeweb", {"--verify"});
  MustSync("timeweb", {"--dry-run"});
  EXPECT_TRUE(Backend("timeweb").contains("following"));
  MustSwitch("timeweb");
  EXPECT_EQ(Read("s7"), "two");
  EXPECT_FALSE(Backend("supabase").contains("following")) << "nobody asked for it";
}

TEST_F(BackendSyncTest, AServerThatIsKilledInTheMiddleLeavesWhatTheNextSyncFinishes) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  constexpr int kSessions = 40;
  for (int i = 0; i < kSessions; ++i) Write(absl::StrCat("s", i), std::string(20'000, 'x'));
  for (int round = 0; round < 3; ++round) {
    std::thread syncing([this] { (void)Cli({"backend", "sync", "supabase", "--rate", "1000000"}); });
    // Until some sessions are there.
    const std::string there = absl::StrCat("SELECT count(*) > ", 3 + 5 * round, " FROM whatsapp_keys");
    const absl::Time give_up = absl::Now() + kPatience;
    while (Query(there) != "t" && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(5));
    ASSERT_TRUE(server_->Kill().ok());
    syncing.join();
    ASSERT_TRUE(server_->Restart().ok());
    Write(absl::StrCat("s", round), "after the kill");
  }
  MustSync("supabase");
  EXPECT_EQ(Cli({"backend", "sync", "supabase", "--verify"}).code, 0);
  EXPECT_EQ(Query("SELECT count(*) FROM whatsapp_keys"), absl::StrCat(kSessions));
  MustSwitch("supabase");
  EXPECT_EQ(Read("s0"), "after the kill");
}

TEST_F(BackendSyncTest, WordsThatContradictEachOtherAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  EXPECT_EQ(Cli({"backend", "sync", "elsewhere"}).code, kNotFound);
  EXPECT_EQ(Cli({"backend", "sync", "timeweb"}).code, kRefused);
  EXPECT_EQ(Cli({"backend", "sync", "supabase", "--dry-run", "--follow"}).code, kRefused);
  EXPECT_EQ(Cli({"backend", "switch", "supabase", "--force", "--sync", "--yes"}).code, kRefused);
  EXPECT_EQ(Cli({"backend", "sync", "supabase", "--dry-run", "--verify"}).code, kUsage);
}

}  // namespace
}  // namespace authstate::test
