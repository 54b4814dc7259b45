// authstatectl backup where something is wrong: a session, a file, the disk, the server or the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/integration/backup_test.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(BackupOfSqliteTest, SessionThatCannotBeReadIsKeptFromTheLastBackup) {
  for (const std::string id : {"a", "b"}) Write(*store_.client, id, "m", 3);
  Create(store_);
  // A commit moves the revision, so that the session has to be read again; and then it cannot be.
  for (const std::string id : {"a", "b"})
    ASSERT_TRUE(store_.client->SetCreds(id, JsonOf(test::WorkingCreds("n"))).ok());
  Damage("a");
  Write(*store_.client, "c", "m", 1);
  Damage("c");
  const CliResult created = Backup(store_, "create", {"--json"});
  EXPECT_EQ(created.code, kDataLoss);
  EXPECT_THAT(created.OutJson()["kept"], ElementsAre("a"));
  EXPECT_THAT(created.OutJson()["damaged"], ElementsAre("c"));
  EXPECT_EQ(created.OutJson()["sessions"], 2);
  EXPECT_THAT(Backup(store_, "verify", {"--json"}).OutJson()["kept"], ElementsAre("a"));
  // And so on, for as long as it cannot.
  EXPECT_THAT(Backup(store_, "create", {"--json"}).OutJson()["kept"], ElementsAre("a"));
  // Also where every session that can be read is read anew.
  EXPECT_THAT(Backup(store_, "create", {"--full", "--json"}).OutJson()["kept"], ElementsAre("a"));
  // What the server calls damaged is not passed over as if it were there.
  EXPECT_EQ(Backup(store_, "restore", {"--all"}).code, kDataLoss);
  EXPECT_EQ(Backup(store_, "restore", {"a", "--overwrite"}).code, kOk);
  EXPECT_EQ(store_.client->GetKeys("a", {{"session", "1"}})->found.size(), 1U);
}

TEST_F(BackupOfSqliteTest, PruneKeepsTheNewestThatIsRight) {
  Write(*store_.client, "a", "m", 3);
  for (int i = 0; i < 4; ++i) Create(store_);
  EXPECT_EQ(Backup(store_, "prune").code, kRefused);
  const CliResult dry = Backup(store_, "prune", {"--keep-daily", "1", "--dry-run"});
  EXPECT_THAT(dry.out, HasSubstr("would keep 1 of 4"));
  EXPECT_THAT(Files("authstate-"), SizeIs(4));
  Flip(Files("authstate-000004-").front(), 30);
  const CliResult pruned = Backup(store_, "prune", {"--keep-daily", "1"});
  EXPECT_EQ(pruned.code, kOk) << pruned.err;
  EXPECT_THAT(pruned.err, HasSubstr("is damaged"));
  EXPECT_THAT(Files("authstate-"), SizeIs(2));
  EXPECT_THAT(Files("authstate-000003-"), SizeIs(1));
  // None that is right: nothing goes.
  Flip(Files("authstate-000003-").front(), 30);
  EXPECT_EQ(Backup(store_, "prune", {"--keep-daily", "1"}).code, kDataLoss);
  EXPECT_THAT(Files("authstate-"), SizeIs(2));
}

TEST_F(BackupOfSqliteTest, DamagedBackupIsToldAndNotBuiltUpon) {
  Write(*store_.client, "a", "m", 3);
  Create(store_);
  EXPECT_EQ(Backup(store_, "list", {"--json"}).OutJson()["backups"][0]["sessions"], 1);
  // In the middle, past its header.
  Flip(Files("authstate-").front(), static_cast<std::streamoff>(fs::file_size(Files("authstate-").front()) / 2));
  EXPECT_EQ(Backup(store_, "verify").code, kDataLoss);
  EXPECT_EQ(Backup(store_, "list", {"--json"}).OutJson()["backups"].size(), 1U);
  const CliResult listed = Backup(store_, "list", {"--verify", "--json"});
  EXPECT_EQ(listed.code, kDataLoss);
  EXPECT_THAT(listed.OutJson()["backups"], SizeIs(0));
  EXPECT_EQ(Backup(store_, "restore", {"--all"}).code, kDataLoss);
  EXPECT_EQ(Backup(store_, "drill").code, kDataLoss);
  const CliResult next = Backup(store_, "create", {"--json"});
  // Sessions may be gone with it that the server does not list.
  EXPECT_EQ(next.code, kDataLoss) << next.err;
  EXPECT_EQ(next.OutJson()["read"], 1);
  EXPECT_EQ(next.OutJson()["earlier_damage"], 1);
  EXPECT_THAT(next.err, HasSubstr("is damaged"));
  EXPECT_EQ(Backup(store_, "verify").code, kOk);
  EXPECT_EQ(Create(store_)["earlier_damage"], 0);
}

TEST_F(BackupOfSqliteTest, SessionThatTheNewestFileHasLostComesFromAnOlderOne) {
  for (const std::string id : {"a", "b", "c"}) Write(*store_.client, id, "old", 1, 3'000);
  Create(store_);
  for (const std::string id : {"a", "b", "c"}) Write(*store_.client, id, "new", 1, 3'000);
  Create(store_);
  const std::string older = Files("authstate-000001-").front();
  const std::string newest = Files("authstate-000002-").front();
  // In the middle, which is of the second of three.
  Flip(newest, static_cast<std::streamoff>(fs::file_size(newest) / 2));
  const ServedStore target = Serve(Store::kSqlite);
  const CliResult alone = target.cli->Run({"backup", "restore", newest, "--keyring-file", keyring_, "--all", "--json"});
  EXPECT_EQ(alone.code, kDataLoss);
  EXPECT_EQ(alone.OutJson()["done"], 2);
  const CliResult one = Backup(target, "restore", {"b"});
  EXPECT_EQ(one.code, kDataLoss);
  EXPECT_THAT(one.out, AllOf(HasSubstr("restored creds and 1 key of session b"), HasSubstr(older)));
  EXPECT_THAT(one.err, AllOf(HasSubstr(newest), HasSubstr("of 1 session an older backup was taken")));
  const auto is = [&](const std::string& id, const std::string& mark) {
    const auto creds = target.client->GetCreds(id);
    return creds.ok() && absl::StrContains(creds->value.bytes, absl::StrCat("\"", mark, "\""));
  };
  EXPECT_TRUE(is("a", "new") && is("b", "old") && is("c", "new"));
  const CliResult all = Backup(target, "restore", {"--all", "--json"});
  EXPECT_EQ(all.code, kDataLoss);
  EXPECT_EQ(all.OutJson()["already"], 3) << all.out;
}

TEST_F(BackupOfSqliteTest, FileThatWasCutIsListedAsUnfinishedAndNeverCounted) {
  Write(*store_.client, "a", "m", 3);
  Create(store_);
  const std::string first = Files("authstate-000001-").front();
  Create(store_);
  const std::string cut = Files("authstate-000002-").front();
  fs::resize_file(cut, fs::file_size(cut) - 1);
  for (const bool with_key : {true, false}) {
    std::vector<std::string> words = {"backup", "list", folder_, "--json"};
    if (with_key) words.insert(words.end(), {"--keyring-file", keyring_});
    const CliResult listed = store_.cli->Run(words);
    EXPECT_EQ(listed.code, kDataLoss);
    ASSERT_THAT(listed.OutJson()["backups"], SizeIs(1));
    EXPECT_EQ(listed.OutJson()["backups"][0]["file"], first);
    EXPECT_THAT(listed.OutJson()["unfinished"], ElementsAre(cut));
  }
  // The one that is whole stays in its place.
  Create(store_);
  const CliResult pruned = Backup(store_, "prune", {"--keep-daily", "1"});
  EXPECT_EQ(pruned.code, kOk) << pruned.err;
  EXPECT_THAT(Files("authstate-"), ElementsAre(cut, HasSubstr("authstate-000003-")));
}

TEST_F(BackupOfSqliteTest, FileThatTheDiskHasNoRoomForIsNoBackup) {
  std::mt19937 random(1);
  for (int i = 0; i < 40; ++i) {
    // What compresses to little would fit.
    std::string noise(20'000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    ASSERT_TRUE(store_.client->SetKeys(Id(i), {{{"session", "1"}, {ValueKind::kRaw, noise}}}).ok());
  }
  // A file may have 64 KiB, and no signal tells that it has more.
  const CliResult full = store_.cli->Bash(absl::StrCat("trap '' XFSZ; ulimit -f 64; authstatectl backup create ",
                                                       folder_, " --full --keyring-file ", keyring_));
  EXPECT_NE(full.code, kOk);
  EXPECT_THAT(full.err, HasSubstr("cannot be written"));
  EXPECT_THAT(Files("authstate-"), SizeIs(0));
  EXPECT_THAT(Backup(store_, "list", {"--json"}).OutJson()["backups"], SizeIs(0));
  EXPECT_EQ(Create(store_)["sessions"], 40);
}

TEST_F(BackupOfSqliteTest, ManySessionsThatAreGoneAtOnceAreNotTakenForDeleted) {
  for (int i = 0; i < 40; ++i) Write(*store_.client, Id(i), "m", 1);
  Create(store_);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store_.client->DeleteSession(Id(i)).ok());
  EXPECT_EQ(Create(store_)["sessions"], 30);
  for (int i = 10; i < 21; ++i) ASSERT_TRUE(store_.client->DeleteSession(Id(i)).ok());
  const CliResult refused = Backup(store_, "create");
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("11 of the 30 sessions"), HasSubstr("--allow-drop")));
  EXPECT_THAT(Files(".unfinished-"), SizeIs(0));
  EXPECT_EQ(Create(store_, {"--allow-drop"})["sessions"], 19);
}

TEST_F(BackupOfSqliteTest, OlderBackupIsNotTakenForANewestThatCannotBeRead) {
  Write(*store_.client, "a", "m", 1);
  Create(store_);
  Create(store_);
  const std::string newest = Files("authstate-000002-").front();
  // Within the header's protobuf: its first byte.
  Flip(newest, static_cast<std::streamoff>(fs::file_size(newest)) - 16);
  for (const char* const what : {"verify", "drill"}) {
    const CliResult refused = Backup(store_, what);
    EXPECT_EQ(refused.code, kDataLoss);
    EXPECT_THAT(refused.err, HasSubstr(newest));
  }
  EXPECT_EQ(Backup(store_, "list").code, kDataLoss);
  EXPECT_EQ(Backup(store_, "restore", {"--all"}).code, kDataLoss);
  // By its name an older one is taken all the same; and a new one goes on.
  EXPECT_EQ(store_.cli->Run({"backup", "verify", Files("authstate-000001-").front(), "--keyring-file", keyring_}).code,
            kOk);
}

TEST_F(BackupOfSqliteTest, EmptyStoreAfterAFullOneIsRefused) {
  EXPECT_EQ(Create(store_)["sessions"], 0);
  EXPECT_EQ(Create(store_)["sessions"], 0);
  Write(*store_.client, "a", "m", 1);
  Create(store_);
  ASSERT_TRUE(store_.client->DeleteSession("a").ok());
  const CliResult refused = Backup(store_, "create");
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("--allow-empty"));
  EXPECT_THAT(Files(".unfinished-"), SizeIs(0));
  EXPECT_EQ(Create(store_, {"--allow-empty"})["sessions"], 0);
}

class BackupOfPostgresTest : public BackupTest {};

TEST_F(BackupOfPostgresTest, SessionThatNoCallCanNameIsCountedAsUnread) {
  const ServedStore store = Serve(Store::kLegacy);
  ASSERT_NE(store.server, nullptr);
  Write(*store.client, "a", "m", 1);
  Sql("INSERT INTO whatsapp_auth (company_id, creds) VALUES ('tenant one', '{}')");
  const std::string metrics = directory_.File("backup.prom");
  const CliResult created = Backup(store, "create", {"--json", "--metrics-file", metrics});
  EXPECT_EQ(created.code, kDataLoss);
  EXPECT_THAT(created.err, HasSubstr("no call can name"));
  EXPECT_EQ(created.OutJson()["sessions"], 1);
  EXPECT_THAT(created.OutJson()["unaddressable"], ElementsAre("tenant one"));
  EXPECT_TRUE(store.cli->Bash("grep -qx 'authstate_backup_last_unread_sessions 1' " + metrics).code == kOk);
  EXPECT_THAT(Backup(store, "create").out, HasSubstr("session tenant one is left out"));
}

// It has no other one to be held against.
TEST_F(BackupOfPostgresTest, FirstOneSeesTheSessionThatItsRowHides) {
  const ServedStore store = Serve(Store::kNative);
  ASSERT_NE(store.server, nullptr);
  for (const char* const id : {"a", "b", "c"}) Write(*store.client, id, "m", 1);
  ASSERT_TRUE(store.client->DeleteSession("c").ok());
  Sql("UPDATE authstate.auth_sessions SET present = false WHERE session_id = 'a'");
  const CliResult created = Backup(store, "create", {"--json"});
  EXPECT_EQ(created.code, kDataLoss);
  EXPECT_THAT(created.OutJson()["damaged"], ElementsAre("a"));
  EXPECT_EQ(created.OutJson()["sessions"], 1);
}

TEST_F(BackupOfPostgresTest, SessionWithItsHomeOnAnotherServerIsTold) {
  const ServedStore other = Serve(Store::kNative);
  ASSERT_NE(other.server, nullptr);
  auto home = test::TestServer::Create({{"--backend=postgres", "--postgres-url=" + url(), "--write-behind",
                                         directory_.File("near.db"), "--advertise", "near.db:1"},
                                        {}});
  ASSERT_TRUE(home.ok()) << home.status();
  client::ClientOptions options;
  options.address = (*home)->address();
  client::Client at_home(options);
  // It is saved, as it is flushed, and of the other one nothing is told.
  for (const char* const id : {"a", "b"}) Write(*other.client, id, "m", 1);
  ASSERT_TRUE(at_home.AcquireLease("a", "bot", absl::Hours(1)).ok());
  const std::string metrics = directory_.File("backup.prom");
  const CliResult created = Backup(other, "create", {"--json", "--metrics-file", metrics});
  EXPECT_EQ(created.code, kOk) << created.err;
  EXPECT_EQ(created.OutJson()["sessions"], 2);
  EXPECT_THAT(created.OutJson()["at_home"], ElementsAre("a"));
  EXPECT_TRUE(other.cli->Bash("grep -qx 'authstate_backup_last_at_home_sessions 1' " + metrics).code == kOk);
  EXPECT_THAT(Backup(other, "create").err, HasSubstr("1 session with a home on another server"));
  // Its fences are not known, and it comes back ahead of all that it may have had there.
  const ServedStore target = Serve(Store::kSqlite);
  EXPECT_EQ(Backup(target, "restore", {"--all"}).code, kOk);
  EXPECT_GT(target.client->GetLease("a")->fence, std::uint64_t{1} << 32U);
  EXPECT_LT(target.client->GetLease("b")->fence, std::uint64_t{1} << 31U);
  // Its own server knows it all.
  const CliResult own =
      CliRunner((*home)->address()).Run({"backup", "create", folder_, "--keyring-file", keyring_, "--json"});
  EXPECT_EQ(own.code, kOk) << own.err;
  EXPECT_THAT(own.OutJson()["at_home"], SizeIs(0));
}

class BackupOfAnotherStoreTest : public BackupTest {};

TEST_F(BackupOfAnotherStoreTest, IsRefusedAsABaseAndToldAtARestore) {
  const ServedStore one = Serve(Store::kNative);
  const ServedStore two = Serve(Store::kLegacy);
  ASSERT_TRUE(one.server != nullptr && two.server != nullptr);
  for (const ServedStore* store : {&one, &two}) Write(*store->client, "s", "m", 1);
  Create(one);
  EXPECT_EQ(Backup(one, "list", {"--json"}).OutJson()["backups"][0]["store_id"].get<std::string>().size(), 32U);
  const CliResult refused = Backup(two, "create");
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("is of another store"), HasSubstr("--other-store")));
  EXPECT_THAT(Files("authstate-"), SizeIs(1));
  const CliResult restored = Backup(two, "restore", {"s", "--overwrite"});
  EXPECT_EQ(restored.code, kOk);
  EXPECT_THAT(restored.err, HasSubstr("is of another store"));
  EXPECT_THAT(Backup(two, "verify", {"--live"}).err, HasSubstr("is of another store"));
  EXPECT_THAT(Backup(one, "restore", {"s"}).err, Not(HasSubstr("is of another store")));
  // After a move, that is meant.
  EXPECT_EQ(Create(two, {"--other-store"})["taken_over"], 0);
  EXPECT_EQ(Create(two)["number"], 3);
}

TEST_F(BackupOfAnotherStoreTest, FilesOfSqliteAreToldApartToo) {
  const ServedStore one = Serve(Store::kSqlite);
  const ServedStore two = Serve(Store::kSqlite);
  ASSERT_TRUE(one.server != nullptr && two.server != nullptr);
  for (const ServedStore* store : {&one, &two}) Write(*store->client, "s", "m", 1);
  Create(one);
  EXPECT_THAT(Backup(two, "create").err, HasSubstr("is of another store"));
  EXPECT_THAT(Backup(two, "verify", {"--live"}).err, HasSubstr("is of another store"));
  ASSERT_TRUE(one.server->Kill().ok());
  ASSERT_TRUE(one.server->Restart().ok());
  EXPECT_EQ(Create(one)["taken_over"], 1);
}

}  // namespace
}  // namespace authstate
