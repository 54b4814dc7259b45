// What operators of write-behind ask and do: authstatectl against real servers and PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/postgres_test.h"
#include "tests/support/proxy/tcp_proxy.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Json = nlohmann::json;

class WriteBehindCommandsTest : public PostgresTest {
 protected:
  // A server before the test's database at `url`, with a file of write-behind unless `file` is empty.
  std::unique_ptr<TestServer> Start(const std::string& file, const std::string& url,
                                    const std::vector<std::string>& more = {}) {
    TestServer::Options options;
    options.arguments = {"--backend", "postgres", "--postgres-url", url, "--drain-timeout-ms", "2000"};
    if (!file.empty()) {
      options.arguments.insert(options.arguments.end(),
                               {"--write-behind", folder_.File(file), "--advertise", absl::StrCat(file, ":1")});
    }
    options.arguments.insert(options.arguments.end(), more.begin(), more.end());
    auto server = TestServer::Create(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  std::unique_ptr<TestServer> Start(const std::string& file) { return Start(file, url()); }

  static CliResult Run(const TestServer& server, std::vector<std::string> words) {
    return CliRunner(server.address()).Run(std::move(words));
  }
  // Without any server.
  CliResult RunOnDatabase(std::vector<std::string> words) {
    words.insert(words.end(), {"--backend", "postgres", "--postgres-url", url()});
    return CliRunner("unix:/nonexistent").Run(std::move(words));
  }
  static Json MustRun(const TestServer& server, std::vector<std::string> words) {
    words.emplace_back("--json");
    const CliResult result = Run(server, std::move(words));
    EXPECT_EQ(result.code, kOk) << result.err;
    return result.OutJson();
  }
  static std::uint64_t Acquire(const TestServer& server, const std::string& owner) {
    return MustRun(server, {"lease", "acquire", "s", "--owner", owner, "--ttl", "1h"}).value("fence", std::uint64_t{0});
  }
  static CliResult Set(const TestServer& server, std::uint64_t fence, const std::string& id, const std::string& json) {
    return Run(server, {"keys", "set", "s", "lid-mapping", id, json, "--fence", absl::StrCat(fence)});
  }
  static void MustSet(const TestServer& server, std::uint64_t fence, const std::string& id, const std::string& json) {
    const CliResult result = Set(server, fence, id, json);
    EXPECT_EQ(result.code, kOk) << result.err;
  }
  static Json WriteBehindOf(const TestServer& server) { return MustRun(server, {"backend", "status"})["write_behind"]; }
  // Waits until the server says that all is flushed.
  static void AwaitFlushed(const TestServer& server) {
    const absl::Time given_up = absl::Now() + absl::Minutes(1);
    while (WriteBehindOf(server)["unflushed_commits"] != 0) {
      ASSERT_LT(absl::Now(), given_up) << "it is not flushed";
    }
  }

  TempDir folder_;
};

TEST_F(WriteBehindCommandsTest, HomesAreListedAsTheDatabaseKnowsThemByAnyServerOfItAndWithout) {
  const auto server = Start("near.db");
  const auto other = Start("");
  ASSERT_NE(server, nullptr);
  ASSERT_NE(other, nullptr);
  MustSet(*server, Acquire(*server, "pool"), "1", "\"v\"");
  AwaitFlushed(*server);
  const std::string store = WriteBehindOf(*server)["store"];
  for (const Json& listed : {MustRun(*server, {"home", "list"}), MustRun(*other, {"home", "list", "--store", store}),
                             RunOnDatabase({"home", "list", "--json"}).OutJson()}) {
    ASSERT_THAT(listed["homes"], SizeIs(1)) << listed;
    const Json& home = listed["homes"][0];
    EXPECT_EQ(home["session_id"], "s");
    EXPECT_EQ(home["revision"], 1);
    EXPECT_EQ(home["store"], store);
    EXPECT_EQ(home["address"], "near.db:1");
    EXPECT_TRUE(home["written"].is_string());
  }
  EXPECT_THAT(Run(*other, {"home", "list"}).out, HasSubstr(store));
  EXPECT_THAT(MustRun(*other, {"home", "list", "--store", std::string(32, 'f')})["homes"], IsEmpty());
  EXPECT_EQ(Run(*other, {"home", "list", "--store", "x"}).code, kRefused);
}

TEST_F(WriteBehindCommandsTest, ListingIsAnErrorAndNeverEmptyWhileTheDatabaseIsAway) {
  const auto server = Start("near.db");
  ASSERT_NE(server, nullptr);
  Acquire(*server, "pool");
  ASSERT_TRUE(postgres().Kill().ok());
  EXPECT_EQ(Run(*server, {"home", "list", "--timeout", "1s"}).code, kUnavailable);
  EXPECT_EQ(Run(*server, {"home", "abandon", "--store", std::string(32, 'f'), "--yes", "--timeout", "1s"}).code,
            kUnavailable);
  EXPECT_EQ(RunOnDatabase({"home", "list"}).code, kUnavailable);
  // Restarted meanwhile, and so without ever having reached it.
  ASSERT_TRUE(server->Kill().ok());
  ASSERT_TRUE(server->Restart().ok());
  EXPECT_EQ(Run(*server, {"home", "list", "--timeout", "1s"}).code, kUnavailable);
  ASSERT_TRUE(postgres().Start().ok());
}

TEST_F(WriteBehindCommandsTest, HomesOfALostFileAreAbandonedAndGoOnFromTheLastFlush) {
  const auto server = Start("near.db");
  const auto other = Start("");
  ASSERT_NE(server, nullptr);
  ASSERT_NE(other, nullptr);
  const std::uint64_t fence = Acquire(*server, "pool");
  MustSet(*server, fence, "1", "\"flushed\"");
  AwaitFlushed(*server);
  const std::string store = WriteBehindOf(*server)["store"];
  const std::vector<std::string> abandon = {"home", "abandon", "--store", store};
  std::vector<std::string> sure = abandon;
  sure.emplace_back("--yes");
  // Its own server knows better.
  EXPECT_EQ(Run(*server, sure).code, kRefused);
  ASSERT_TRUE(server->Kill().ok());
  std::filesystem::remove(folder_.File("near.db"));

  const CliResult unsure = Run(*other, abandon);
  EXPECT_EQ(unsure.code, kRefused);
  EXPECT_THAT(unsure.err, HasSubstr("--yes"));
  EXPECT_EQ(Query("SELECT left(lease_owner, 5) FROM authstate.auth_sessions"), "home:");
  const CliResult done = Run(*other, sure);
  EXPECT_EQ(done.code, kOk) << done.err;
  EXPECT_THAT(done.out, HasSubstr("session s goes on from revision 1, flushed last 2"));
  EXPECT_GT(Acquire(*other, "pool"), fence);
  EXPECT_EQ(MustRun(*other, {"keys", "get", "s", "lid-mapping", "1"})["keys"].size(), 1U);
  const CliResult again = Run(*other, sure);
  EXPECT_EQ(again.code, kOk) << again.err;
  EXPECT_THAT(again.out, HasSubstr("no session is at home"));
}

TEST_F(WriteBehindCommandsTest, ServerStartsWithANewFileOnceTheLostOneIsAbandoned) {
  const auto server = Start("near.db");
  ASSERT_NE(server, nullptr);
  Acquire(*server, "pool");
  const std::string store = WriteBehindOf(*server)["store"];
  ASSERT_TRUE(server->Kill().ok());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) std::filesystem::remove(entry.path());
  EXPECT_FALSE(server->Restart().ok());
  const CliResult done = RunOnDatabase({"home", "abandon", "--store", store, "--yes"});
  EXPECT_EQ(done.code, kOk) << done.err;
  EXPECT_THAT(done.out, HasSubstr("session s goes on from revision 0, never flushed"));
  ASSERT_TRUE(server->Restart().ok());
  Acquire(*server, "pool");
}

TEST_F(WriteBehindCommandsTest, LiveHomeThatIsAbandonedLosesTheSessionAndItsOrphanIsWhatWasNotFlushed) {
  auto proxy = TcpProxy::Create(postgres().port());
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  const std::string through =
      absl::StrReplaceAll(url(), {{absl::StrCat(postgres().port()), absl::StrCat((*proxy)->port())}});
  const auto server = Start("near.db", through);
  ASSERT_NE(server, nullptr);
  const std::string file = folder_.File("near.db");
  const std::uint64_t fence = Acquire(*server, "pool");
  MustSet(*server, fence, "1", "\"flushed\"");
  MustSet(*server, fence, "2", "\"flushed\"");
  AwaitFlushed(*server);
  const std::string store = WriteBehindOf(*server)["store"];
  (*proxy)->Hold(Direction::kToServer);
  MustSet(*server, fence, "1", "\"unflushed\"");
  MustSet(*server, fence, "3", "\"unflushed\"");
  const std::string under = absl::StrCat(fence);
  ASSERT_EQ(Run(*server, {"keys", "delete", "s", "lid-mapping", "2", "--fence", under}).code, kOk);
  // What is on its way to the database never arrives.
  (*proxy)->ResetAll();
  const CliResult abandoned = RunOnDatabase({"home", "abandon", "--store", store, "--yes", "--json"});
  ASSERT_EQ(abandoned.code, kOk) << abandoned.err;
  ASSERT_THAT(abandoned.OutJson()["sessions"], SizeIs(1));
  EXPECT_EQ(abandoned.OutJson()["sessions"][0]["revision"], 2);
  EXPECT_THAT(MustRun(*server, {"write-behind", "orphans", "list", file})["orphans"], IsEmpty());
  (*proxy)->Resume();

  // It learns it by its next flush, or look.
  CliResult lost;
  do {
    lost = Run(*server, {"lease", "renew", "s", "--fence", under});
  } while (lost.code == kOk);
  EXPECT_EQ(lost.code, kRefused) << lost.err;
  EXPECT_EQ(Set(*server, fence, "4", "\"late\"").code, kRefused);

  EXPECT_EQ(WriteBehindOf(*server)["orphans"], 1);
  EXPECT_THAT(Run(*server, {"backend", "status"}).out, HasSubstr("1 orphan"));

  // Beside the server, which has the file.
  const Json listed = MustRun(*server, {"write-behind", "orphans", "list", file})["orphans"];
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_EQ(listed[0]["session_id"], "s");
  EXPECT_EQ(listed[0]["flushed_revision"], 2);
  EXPECT_EQ(listed[0]["revision"], 5);
  EXPECT_EQ(listed[0]["keys_set"], 2);
  EXPECT_EQ(listed[0]["keys_deleted"], 1);
  const std::string orphan = absl::StrCat(listed[0]["orphan"].get<std::uint64_t>());
  const std::string folder = folder_.File("orphan");
  const Json exported = MustRun(*server, {"write-behind", "orphans", "export", file, orphan, folder});
  EXPECT_EQ(exported["deleted"], Json::parse(R"([{"type":"lid-mapping","id":"2"}])"));
  // What imports folders takes it.
  const Json imported = MustRun(*server, {"session", "import", "copy", folder, "--keys-only"});
  EXPECT_EQ(MustRun(*server, {"keys", "list", "copy"})["keys"].size(), 2U) << imported;
  for (const Json& key : MustRun(*server, {"keys", "get", "copy", "lid-mapping", "1", "3"})["keys"]) {
    EXPECT_EQ(key["value"], "unflushed");
  }

  EXPECT_EQ(Run(*server, {"write-behind", "orphans", "discard", file, orphan, "--yes"}).code, kRefused);
  ASSERT_TRUE(server->Terminate().ok());
  EXPECT_EQ(Run(*server, {"write-behind", "orphans", "discard", file, orphan}).code, kRefused) << "says no --yes";
  EXPECT_EQ(Run(*server, {"write-behind", "orphans", "discard", file, orphan, "--yes"}).code, kOk);
  EXPECT_THAT(MustRun(*server, {"write-behind", "orphans", "list", file})["orphans"], IsEmpty());
  EXPECT_EQ(Run(*server, {"write-behind", "orphans", "export", file, orphan, folder}).code, kNotFound);
}

TEST_F(WriteBehindCommandsTest, KeyGoesOnceDatabaseAndFileWereBroughtUnderAnotherBesideTheServer) {
  const std::string keyring = folder_.File("keyring");
  const std::string near = folder_.File("near.db");
  const auto put_keyring = [&keyring](const std::string& active, const std::vector<std::string>& keys) {
    std::ofstream file(keyring);
    file << "active " << active << "\n";
    for (const std::string& id : keys)
      file << "key " << id << " " << std::string(64, id.front() == 'o' ? 'a' : 'b') << "\n";
    file.close();
    std::filesystem::permissions(keyring, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  };
  put_keyring("old", {"old"});
  const auto server = Start("near.db", url(), {"--keyring-file", keyring});
  ASSERT_NE(server, nullptr);
  MustSet(*server, Acquire(*server, "pool"), "1", "\"v\"");
  AwaitFlushed(*server);
  put_keyring("new", {"new", "old"});
  ASSERT_TRUE(server->Kill().ok());
  ASSERT_TRUE(server->Restart().ok());

  const CliRunner alone("unix:/nonexistent");
  const std::vector<std::string> of_near = {"--sqlite-path", near};
  const std::vector<std::string> of_far = {"--backend", "postgres", "--postgres-url", url()};
  const auto with = [](std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  for (const auto& database : {of_near, of_far}) {
    EXPECT_EQ(alone.Run(with({"keyring", "status", "--json"}, database)).OutJson()["keys"]["old"], 1);
    const CliResult rewrapped = alone.Run(with({"keyring", "rewrap", "--keyring-file", keyring, "--json"}, database));
    EXPECT_EQ(rewrapped.code, kOk) << rewrapped.err;
    EXPECT_EQ(rewrapped.OutJson()["rewrapped"], 1);
    EXPECT_EQ(rewrapped.OutJson()["unused_keys"], Json::parse(R"(["old"])"));
    EXPECT_EQ(alone.Run(with({"keyring", "status", "--json"}, database)).OutJson()["keys"],
              Json::parse(R"({"new":1})"));
  }
  // It is at home all the while.
  EXPECT_EQ(WriteBehindOf(*server)["sessions"], 1);
  const std::uint64_t fence = Acquire(*server, "pool");
  MustSet(*server, fence, "2", "\"w\"");
  AwaitFlushed(*server);
  put_keyring("new", {"new"});
  ASSERT_TRUE(server->Kill().ok());
  ASSERT_TRUE(server->Restart().ok());
  EXPECT_EQ(MustRun(*server, {"keys", "get", "s", "lid-mapping", "1", "2"})["keys"].size(), 2U);
}

TEST_F(WriteBehindCommandsTest, StatusTellsHowFarTheDatabaseIsBehind) {
  const auto server = Start("near.db");
  ASSERT_NE(server, nullptr);
  const std::uint64_t fence = Acquire(*server, "pool");
  AwaitFlushed(*server);
  EXPECT_TRUE(WriteBehindOf(*server)["database_away_since"].is_null());
  ASSERT_TRUE(postgres().Kill().ok());
  for (int i = 0; i < 3; ++i) MustSet(*server, fence, absl::StrCat(i), "\"v\"");
  ASSERT_TRUE(
      server->process().WaitForLine("the database is away", absl::Minutes(1), Subprocess::Stream::kStderr).ok());
  // A process of it may outlive the others for a moment, and answer.
  while (WriteBehindOf(*server)["database_away_since"].is_null()) {
  }
  const Json behind = WriteBehindOf(*server);
  EXPECT_EQ(behind["sessions"], 1);
  EXPECT_EQ(behind["unflushed_sessions"], 1);
  EXPECT_EQ(behind["unflushed_commits"], 3);
  EXPECT_GT(behind["unflushed_bytes"], 0);
  EXPECT_GE(behind["oldest_unflushed_seconds"], 0);
  EXPECT_TRUE(behind["database_away_since"].is_string());
  EXPECT_EQ(behind["address"], "near.db:1");
  EXPECT_EQ(behind["orphans"], 0);
  EXPECT_EQ(MustRun(*server, {"server", "info"})["write_behind"]["unflushed_commits"], 3);
  EXPECT_THAT(Run(*server, {"backend", "status"}).out, HasSubstr("3 commits"));
  EXPECT_THAT(Run(*server, {"server", "info"}).out, HasSubstr("away since"));
  ASSERT_TRUE(postgres().Start().ok());
  while (WriteBehindOf(*server)["unflushed_commits"] != 0 || !WriteBehindOf(*server)["database_away_since"].is_null()) {
  }
  ASSERT_TRUE(
      server->process().WaitForLine("the database has caught up", absl::Minutes(1), Subprocess::Stream::kStderr).ok());

  const auto plain = Start("");
  ASSERT_NE(plain, nullptr);
  EXPECT_FALSE(MustRun(*plain, {"server", "info"}).contains("write_behind"));
}

// Both databases, of which the other is kept as a copy row by row, as replication does.
class WriteBehindSwitchTest : public WriteBehindCommandsTest {
 protected:
  void SetUp() override {
    WriteBehindCommandsTest::SetUp();
    auto made = postgres().NewDatabase();
    ASSERT_TRUE(made.ok()) << made.status();
    copy_ = *std::move(made);
    // It gets its tables.
    const auto plain = Start("", copy_);
    ASSERT_NE(plain, nullptr);
  }
  std::unique_ptr<TestServer> StartBefore(const std::string& backend) {
    TestServer::Options options;
    options.arguments = {"--backend",          backend,
                         "--timeweb-url",      absl::StrCat(url(), "?sslmode=disable"),
                         "--supabase-url",     absl::StrCat(copy_, "?sslmode=disable"),
                         "--write-behind",     folder_.File("near.db"),
                         "--drain-timeout-ms", "5000"};
    auto server = TestServer::Create(std::move(options));
    if (!server.ok()) why_not_ = std::string(server.status().message());
    return server.ok() ? *std::move(server) : nullptr;
  }
  void Copy() {
    const std::string folder = Query("SHOW data_directory");
    for (const char* const table : {"auth_sessions", "auth_creds", "auth_keys"}) {
      const std::string file = absl::StrCat("'", folder, "/", table, ".copy'");
      Sql(absl::StrCat("COPY authstate.", table, " TO ", file));
      const absl::Status copied = TestPostgres::Run(
          copy_, absl::StrCat("TRUNCATE authstate.", table, "; COPY authstate.", table, " FROM ", file));
      ASSERT_TRUE(copied.ok()) << copied;
    }
  }

  std::string copy_;
  std::string why_not_;
};

TEST_F(WriteBehindSwitchTest, HomesMoveToTheOtherDatabaseAndGoOn) {
  auto server = StartBefore("timeweb");
  ASSERT_NE(server, nullptr) << why_not_;
  const std::uint64_t fence = Acquire(*server, "pool");
  MustSet(*server, fence, "1", "\"v\"");
  AwaitFlushed(*server);
  // It lacks the session.
  const CliResult refused = Run(*server, {"backend", "switch", "supabase", "--yes", "--json"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.out, HasSubstr("is missing on the target"));
  MustSet(*server, fence, "1", "\"w\"");
  AwaitFlushed(*server);
  Copy();
  const Json report = MustRun(*server, {"backend", "switch", "supabase", "--yes", "--max-pause", "30s"});
  EXPECT_EQ(report["switched"], true);
  EXPECT_EQ(report["sessions_compared"], 1);
  MustSet(*server, fence, "2", "\"after\"");
  const absl::Status reached =
      TestPostgres::AwaitAnswer(copy_, "SELECT revision FROM authstate.auth_sessions WHERE session_id = 's'", "3");
  EXPECT_TRUE(reached.ok()) << reached;
  EXPECT_EQ(Query("SELECT revision FROM authstate.auth_sessions WHERE session_id = 's'"), "2");
  const Json homes = MustRun(*server, {"home", "list"})["homes"];
  ASSERT_THAT(homes, SizeIs(1));
  EXPECT_EQ(homes[0]["revision"], 3);

  // The file is that of the other database from now on.
  ASSERT_TRUE(server->Kill().ok());
  EXPECT_EQ(StartBefore("timeweb"), nullptr);
  EXPECT_THAT(why_not_, HasSubstr("before another database"));
  server = StartBefore("supabase");
  ASSERT_NE(server, nullptr) << why_not_;
  MustSet(*server, fence, "3", "\"later\"");
  EXPECT_EQ(MustRun(*server, {"keys", "get", "s", "lid-mapping", "1", "2", "3"})["keys"].size(), 3U);
}

TEST_F(WriteBehindSwitchTest, ForcedSwitchFromADatabaseThatIsAwayFlushesWhatIsAtHomeWhole) {
  auto server = StartBefore("timeweb");
  ASSERT_NE(server, nullptr) << why_not_;
  const std::uint64_t fence = Acquire(*server, "pool");
  MustSet(*server, fence, "1", "\"v\"");
  AwaitFlushed(*server);
  Copy();
  MustSet(*server, fence, "2", "\"only there\"");
  AwaitFlushed(*server);
  const Json report = MustRun(*server, {"backend", "switch", "supabase", "--yes", "--force", "--max-pause", "10s"});
  EXPECT_EQ(report["switched"], true);
  MustSet(*server, fence, "3", "\"after\"");
  const absl::Status reached =
      TestPostgres::AwaitAnswer(copy_, "SELECT count(*) FROM authstate.auth_keys WHERE session_id = 's'", "3");
  EXPECT_TRUE(reached.ok()) << reached;
}

}  // namespace
}  // namespace authstate::test
