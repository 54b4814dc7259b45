// authstatectl backup, against real servers on every kind of tables: what comes back is what was saved, and nothing
// that lives is put back by mistake.
#include "tests/integration/backup_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "tests/integration/on_terminal.h"
#include "tests/support/subprocess.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class BackupOfEveryStoreTest : public BackupTest, public testing::WithParamInterface<Store> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BackupTest::SetUp());
    store_ = Serve(GetParam());
    ASSERT_NE(store_.server, nullptr);
  }
  client::Client& client() { return *store_.client; }
  void Delete(const std::string& session_id) {
    const auto deleted = client().DeleteSession(session_id);
    ASSERT_TRUE(deleted.ok()) << deleted.status();
  }

  ServedStore store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, BackupOfEveryStoreTest, testing::ValuesIn(kStores),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(BackupOfEveryStoreTest, WhatWasSavedIsVerifiedAloneAndBesideTheServer) {
  for (int i = 0; i < 3; ++i) Write(client(), Id(i), absl::StrCat("m", i), 5);
  const nlohmann::json created = Create(store_);
  EXPECT_EQ(created["sessions"], 3);
  EXPECT_EQ(created["keys"], 15);
  EXPECT_EQ(created["read"], 3);
  EXPECT_THAT(Files("authstate-000001-"), SizeIs(1));
  EXPECT_THAT(Files(".unfinished-"), SizeIs(0));
  EXPECT_EQ(Backup(store_, "verify", {"--json"}).OutJson()["sessions"], 3);
  EXPECT_EQ(Backup(store_, "verify", {"--live", "--json"}).OutJson()["equal"], 3);
  // One moves on, one goes, one comes.
  Write(client(), Id(0), "next", 1);
  Delete(Id(1));
  Write(client(), "other", "o", 1);
  const CliResult live = Backup(store_, "verify", {"--live", "--json"});
  EXPECT_EQ(live.code, kNotFound) << live.err;
  EXPECT_EQ(live.OutJson()["equal"], 1);
  EXPECT_EQ(live.OutJson()["live_is_newer"], 1);
  EXPECT_THAT(live.OutJson()["missing"], ElementsAre(Id(1)));
  EXPECT_EQ(live.OutJson()["not_in_backup"], 1);
}

TEST_P(BackupOfEveryStoreTest, AbsentSessionComesBackAheadOfAllThatWasKnown) {
  Write(client(), "s", "mark", 20);
  const auto lease = client().AcquireLease("s", "bot", absl::Hours(1));
  ASSERT_TRUE(lease.ok()) << lease.status();
  Create(store_);
  // What happens after the backup is not known to it.
  ASSERT_TRUE(client().ReleaseLease("s", lease->fence).ok());
  const auto later = client().AcquireLease("s", "bot 2", absl::Hours(1));
  ASSERT_TRUE(later.ok()) << later.status();
  ASSERT_TRUE(client().DeleteSession("s", std::nullopt, later->fence).ok());
  ASSERT_TRUE(client().ReleaseLease("s", later->fence).ok());
  const CliResult dry = Backup(store_, "restore", {"s", "--dry-run"});
  EXPECT_EQ(dry.code, kOk) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("would restore session s, of revision 1"));
  EXPECT_TRUE(absl::IsNotFound(client().GetCreds("s").status()));
  const CliResult restored = Backup(store_, "restore", {"s"});
  ASSERT_EQ(restored.code, kOk) << restored.err;
  EXPECT_THAT(restored.out,
              AllOf(HasSubstr("restored creds and 20 keys of session s"), HasSubstr("read back and equal")));
  EXPECT_THAT(restored.err, HasSubstr("messages that came since may not be decrypted"));
  EXPECT_GT(RevisionOf(store_, "s"), 1'000'000U);
  const auto now = client().GetLease("s");
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->owner, "");
  EXPECT_GT(now->fence, later->fence + 1'000'000U);
  // Again, there is nothing to do; and whoever had it is refused.
  EXPECT_THAT(Backup(store_, "restore", {"s"}).out, HasSubstr("session s holds what the backup has"));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      client().SetKeys("s", {{{"session", "1"}, JsonOf("1")}}, std::nullopt, later->fence).status()));
  // It goes on by one.
  const std::uint64_t revision = RevisionOf(store_, "s");
  const auto next = client().SetKeys("s", {{{"session", "1"}, JsonOf("1")}});
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(*next, revision + 1);
}

TEST_P(BackupOfEveryStoreTest, OldBackupOverALiveSessionIsRefused) {
  Write(client(), "s", "old", 3);
  Create(store_);
  Write(client(), "s", "new", 3);
  const auto lease = client().AcquireLease("s", "bot", absl::Hours(1));
  ASSERT_TRUE(lease.ok()) << lease.status();
  const auto is = [&](const std::string& mark) {
    const auto creds = client().GetCreds("s");
    return creds.ok() && absl::StrContains(creds->value.bytes, absl::StrCat("\"", mark, "\""));
  };
  const CliResult refused = Backup(store_, "restore", {"s"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("--overwrite"));
  const CliResult all = Backup(store_, "restore", {"--all", "--json"});
  EXPECT_EQ(all.code, kOk) << all.err;
  EXPECT_EQ(all.OutJson()["already"], 1);
  EXPECT_EQ(all.OutJson()["sessions"][0]["outcome"], "left_alone");
  for (const bool dry : {true, false}) {
    std::vector<std::string> words = {"s", "--overwrite"};
    if (dry) words.emplace_back("--dry-run");
    const CliResult held = Backup(store_, "restore", words);
    EXPECT_EQ(held.code, kRefused);
    EXPECT_THAT(held.err, AllOf(HasSubstr("bot"), HasSubstr("--steal")));
  }
  EXPECT_TRUE(is("new"));
  const std::uint64_t before = RevisionOf(store_, "s");
  const CliResult stolen = Backup(store_, "restore", {"s", "--overwrite", "--steal"});
  ASSERT_EQ(stolen.code, kOk) << stolen.err;
  EXPECT_TRUE(is("old"));
  EXPECT_GT(RevisionOf(store_, "s"), before);
  EXPECT_TRUE(absl::IsFailedPrecondition(client().RenewLease("s", lease->fence, absl::Hours(1)).status()));
}

TEST_P(BackupOfEveryStoreTest, SessionThatWasSavedWithoutCredsKeepsNoneOfThoseThatCameSince) {
  const auto key = [](int value) {
    return std::vector<client::KeyEntry>{{{"pre-key", "1"}, JsonOf(absl::StrCat(value))}};
  };
  ASSERT_TRUE(client().SetKeys("s", key(1)).ok());
  Create(store_);
  ASSERT_TRUE(client().SetCreds("s", JsonOf(test::WorkingCreds("new"))).ok());
  ASSERT_TRUE(client().SetKeys("s", key(2)).ok());
  const CliResult restored = Backup(store_, "restore", {"s", "--overwrite"});
  ASSERT_EQ(restored.code, kOk) << restored.err;
  EXPECT_THAT(restored.out, HasSubstr("restored 1 key of session s"));
  EXPECT_TRUE(absl::IsNotFound(client().GetCreds("s").status()));
  const auto keys = client().GetKeys("s", {{"pre-key", "1"}});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->found, key(1));
  EXPECT_THAT(Backup(store_, "restore", {"s"}).out, HasSubstr("session s holds what the backup has"));
}

TEST_P(BackupOfEveryStoreTest, SessionsComeBackInEveryOtherKindOfTables) {
  for (int i = 0; i < 4; ++i) Write(client(), Id(i), "m", 5);
  ASSERT_TRUE(client().SetKeys("bare", {{{"sender-key", "g::1"}, {ValueKind::kRaw, std::string("\0\1\xff", 3)}}}).ok());
  Create(store_);
  for (const Store kind : kStores) {
    const ServedStore target = Serve(kind);
    ASSERT_NE(target.server, nullptr);
    Write(*target.client, Id(1), "mine", 1);
    const CliResult some = Backup(target, "restore", {"--prefix", "session-", "--json"});
    ASSERT_EQ(some.code, kOk) << some.err;
    EXPECT_EQ(some.OutJson()["done"], 3);
    EXPECT_EQ(some.OutJson()["already"], 1);
    EXPECT_EQ(Backup(target, "restore", {"--all", "--json"}).OutJson()["done"], 1);
    const auto keys = target.client->GetKeys("bare", {{"sender-key", "g::1"}});
    ASSERT_TRUE(keys.ok()) << keys.status();
    ASSERT_THAT(keys->found, SizeIs(1));
    EXPECT_EQ(keys->found[0].value.bytes, std::string("\0\1\xff", 3));
    EXPECT_TRUE(target.client->GetCreds(Id(1))->value.bytes.find("mine") != std::string::npos);
    EXPECT_GT(RevisionOf(target, Id(0)), 1'000'000U);
  }
}

TEST_P(BackupOfEveryStoreTest, OnlyWhatHasChangedIsReadAgain) {
  for (int i = 0; i < 5; ++i) Write(client(), Id(i), "m", 3);
  Create(store_);
  Write(client(), Id(2), "n", 3);
  const auto lease = client().AcquireLease(Id(3), "bot", absl::Hours(1));
  ASSERT_TRUE(lease.ok()) << lease.status();
  Delete(Id(4));
  const nlohmann::json second = Create(store_);
  EXPECT_EQ(second["number"], 2);
  EXPECT_EQ(second["sessions"], 4);
  // Others write the legacy tables without a word.
  const int unchanged = GetParam() == Store::kLegacy ? 0 : 2;
  EXPECT_EQ(second["taken_over"], unchanged);
  EXPECT_EQ(second["read"], 4 - unchanged);
  EXPECT_EQ(Create(store_, {"--full"})["read"], 4);
  EXPECT_EQ(Backup(store_, "verify", {"--live", "--json"}).OutJson()["equal"], 4);
  // The first one is whole by itself.
  const CliResult first = store_.cli->Run(
      {"backup", "restore", Files("authstate-000001-").front(), "--keyring-file", keyring_, "--all", "--json"});
  EXPECT_EQ(first.OutJson()["done"], 1) << first.err;
}

TEST_P(BackupOfEveryStoreTest, DrillRestoresAllOfItIntoAScratchStore) {
  for (int i = 0; i < 3; ++i) Write(client(), Id(i), "m", 5);
  Create(store_);
  const CliResult drill = Backup(store_, "drill", {"--json"});
  ASSERT_EQ(drill.code, kOk) << drill.err;
  EXPECT_EQ(drill.OutJson()["sessions"], 3);
  EXPECT_EQ(drill.OutJson()["keys"], 15);
  EXPECT_GT(drill.OutJson()["seconds"], 0.0);
  // The server that is saved was not asked for anything, nor need it be there.
  ASSERT_TRUE(store_.server->Kill().ok());
  EXPECT_EQ(Backup(store_, "drill").code, kOk);
  EXPECT_EQ(Backup(store_, "drill", {"--server", "/bin/false"}).code, kRefused);
}

TEST_P(BackupOfEveryStoreTest, RateIsABoundAndASignalLeavesWhatThereIs) {
  for (int i = 0; i < 4; ++i) Write(client(), Id(i), "m", 1, 100'000);
  // So slow that it would take a day; the first session is sent at once.
  auto run = test::Subprocess::Start(
      {{test::ProgramPath("authstatectl"), "backup", "create", folder_, "--keyring-file", keyring_, "--rate", "1"},
       store_.cli->Environment()});
  ASSERT_TRUE(run.ok()) << run.status();
  while ((*run)->running() && Files(".unfinished-").empty()) absl::SleepFor(absl::Milliseconds(1));
  // Nobody else may write there meanwhile.
  EXPECT_EQ(Backup(store_, "create").code, kRefused);
  (*run)->Signal(SIGTERM);
  const auto exit = (*run)->Wait(absl::Seconds(60));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kInterrupted) << (*run)->output(test::Subprocess::Stream::kStderr);
  EXPECT_THAT(Files("authstate-"), SizeIs(0));
  EXPECT_THAT(Files(".unfinished-"), SizeIs(1));
  EXPECT_EQ(Create(store_)["sessions"], 4);
  EXPECT_THAT(Files(".unfinished-"), SizeIs(0));
}

TEST_F(BackupOfSqliteTest, SessionsBecomeFoldersWithoutAServer) {
  Write(*store_.client, "a", "m", 3);
  ASSERT_TRUE(store_.client->SetKeys("bare", {{{"pre-key", "1"}, JsonOf("1")}}).ok());
  Create(store_);
  ASSERT_TRUE(store_.server->Kill().ok());
  const std::string out = directory_.File("out");
  const CliResult written = Backup(store_, "restore", {"--all", "--as-folders", out});
  EXPECT_EQ(written.code, kRefused);
  EXPECT_THAT(written.out, AllOf(HasSubstr("wrote creds and 3 keys of session a"), HasSubstr("session bare FAILED")));
  EXPECT_TRUE(fs::exists(out + "/a/creds.json"));
  EXPECT_TRUE(fs::exists(out + "/a/session-2.json"));
  EXPECT_EQ(Backup(store_, "restore", {"a", "--as-folders", out}).code, kRefused);
  EXPECT_EQ(Backup(store_, "restore", {"a", "--as-folders", out, "--overwrite"}).code, kOk);
}

TEST_F(BackupOfSqliteTest, SessionLargerThanACommitComesBack) {
  client::Client& client = *store_.client;
  Write(client, "large", "m", 1);
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(client
                    .SetKeys("large", {{{"blob", absl::StrCat(i)},
                                        {ValueKind::kRaw, std::string(5'000'000, static_cast<char>('a' + i))}}})
                    .ok());
  }
  Create(store_);
  ASSERT_TRUE(client.DeleteSession("large").ok());
  const CliResult restored = Backup(store_, "restore", {"large"});
  ASSERT_EQ(restored.code, kOk) << restored.err;
  EXPECT_THAT(restored.out, HasSubstr("restored creds and 10 keys"));
  EXPECT_GT(RevisionOf(store_, "large"), 1'000'000U);
}

TEST_F(BackupOfSqliteTest, CreateTellsATerminalHowFarItIsAndNobodyElse) {
  for (int i = 0; i < 3; ++i) Write(*store_.client, Id(i), "m", 1);
  EXPECT_EQ(Backup(store_, "create").err, "");
  OnTerminal create({test::ProgramPath("authstatectl"), "--address", store_.server->address(), "backup", "create",
                     folder_, "--keyring-file", keyring_});
  EXPECT_TRUE(create.Await("sessions: 0")) << create.drawn();
  EXPECT_TRUE(create.Await("sessions: 2")) << create.drawn();
  // The line is removed before the result is told.
  EXPECT_TRUE(create.Await("reading back: [====================>         ] 2/3\r\033[Ksaved 3 sessions"))
      << create.drawn();
  EXPECT_EQ(create.Wait(), kOk);
}

TEST_F(BackupOfSqliteTest, MetricsFileTellsOfASuccessAlone) {
  Write(*store_.client, "a", "m", 3);
  const std::string path = directory_.File("backup.prom");
  const auto text = [&] {
    const CliResult linted = store_.cli->Bash("promtool check metrics <" + path);
    EXPECT_EQ(linted.code, 0) << linted.out << linted.err;
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  };
  Create(store_, {"--metrics-file", path});
  EXPECT_THAT(text(),
              AllOf(HasSubstr("authstate_backup_last_sessions 1\n"), HasSubstr("authstate_backup_last_keys 3\n"),
                    HasSubstr("\nauthstate_backup_last_success_timestamp_seconds 1"),
                    HasSubstr("authstate_backup_last_unread_sessions 0\n")));
  const std::string before = text();
  ASSERT_TRUE(store_.client->DeleteSession("a").ok());
  EXPECT_EQ(Backup(store_, "create", {"--metrics-file", path}).code, kRefused);
  EXPECT_EQ(text(), before);
  EXPECT_EQ(Backup(store_, "drill", {"--metrics-file", path}).code, kOk);
  EXPECT_THAT(text(), AllOf(HasSubstr("authstate_backup_drill_last_sessions 1\n"),
                            HasSubstr("authstate_backup_drill_last_backup_timestamp_seconds 1")));
}

TEST_F(BackupOfSqliteTest, BackupThatIsRestoredTwiceNeverMeetsItself) {
  Write(*store_.client, "a", "m", 1);
  Create(store_);
  const ServedStore one = Serve(Store::kSqlite);
  const ServedStore two = Serve(Store::kSqlite);
  for (const ServedStore* store : {&one, &two}) ASSERT_EQ(Backup(*store, "restore", {"a"}).code, kOk);
  EXPECT_NE(RevisionOf(one, "a"), RevisionOf(two, "a"));
  EXPECT_NE(one.client->GetLease("a")->fence, two.client->GetLease("a")->fence);
}

TEST_F(BackupOfSqliteTest, AnotherKeyOpensNothing) {
  Write(*store_.client, "a", "m", 1);
  Create(store_);
  const std::string other = directory_.File("other.keyring");
  ASSERT_EQ(store_.cli->Run({"keyring", "init", other, "other"}).code, kOk);
  const auto with = [&](const std::string& what, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"backup", what, folder_, "--keyring-file", other};
    words.insert(words.end(), more.begin(), more.end());
    return store_.cli->Run(std::move(words));
  };
  for (const char* const what : {"verify", "drill"}) {
    EXPECT_EQ(with(what).code, kRefused);
    EXPECT_THAT(with(what).err, HasSubstr("which the keyring does not have"));
  }
  EXPECT_EQ(with("restore", {"--all"}).code, kRefused);
  // It is listed all the same, and a new one begins with its own key.
  EXPECT_THAT(with("list").out, HasSubstr("backups"));
  EXPECT_EQ(with("create").code, kOk);
  EXPECT_EQ(store_.cli->Run({"backup", "verify", folder_}).code, kRefused);
}

TEST_F(BackupOfSqliteTest, TokenThatReadsSavesAndOneThatWritesRestores) {
  Write(*store_.client, "a", "m", 1);
  const std::string all = Token({"--rights", "read,write,admin"});
  const std::string reads = Token({"--rights", "read", "--token", all});
  EXPECT_EQ(Backup(store_, "create").code, kRefused);
  EXPECT_EQ(Backup(store_, "create", {"--token", reads}).code, kOk);
  EXPECT_EQ(Backup(store_, "create", {"--token", reads, "--json"}).OutJson()["taken_over"], 1);
  EXPECT_EQ(store_.cli->Run({"session", "delete", "a", "--yes", "--token", all}).code, kOk);
  EXPECT_EQ(Backup(store_, "restore", {"a", "--token", reads}).code, kRefused);
  const CliResult restored = Backup(store_, "restore", {"a", "--token", all});
  EXPECT_EQ(restored.code, kOk) << restored.err;
  EXPECT_THAT(restored.err, Not(HasSubstr("could not be given back")));
  EXPECT_EQ(store_.cli->Run({"lease", "show", "a", "--json", "--token", all}).OutJson()["owner"], "");
}

TEST_F(BackupOfSqliteTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(Backup(store_, "verify").code, kRefused);
  Create(store_);
  EXPECT_EQ(Backup(store_, "restore", {"absent"}).code, kNotFound);
  EXPECT_EQ(Backup(store_, "restore").code, kRefused);
  EXPECT_EQ(Backup(store_, "restore", {"a", "--all"}).code, kRefused);
  EXPECT_EQ(Backup(store_, "restore", {"a", "--steal"}).code, kRefused);
  ASSERT_TRUE(store_.server->Kill().ok());
  EXPECT_EQ(Backup(store_, "create").code, kUnavailable);
}

}  // namespace
}  // namespace authstate
