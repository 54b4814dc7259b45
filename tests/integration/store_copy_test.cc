// Copies of the SQLite file that authstated serves from, made through the server while it is written to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/integration/cli_runner.h"
#include "tests/integration/session_owner.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreCopyTest : public testing::Test {
 protected:
  StoreCopyTest() { std::filesystem::create_directory(copies_); }

  static std::unique_ptr<TestServer> Serve(std::vector<std::string> arguments) {
    auto server = TestServer::Create({std::move(arguments), {}});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  void Serve() {
    server_ = Serve({"--sqlite-path", folder_.File("store.db"), "--copy-folder", copies_, "--keyring-file", Keyring()});
    ASSERT_NE(server_, nullptr);
  }
  // From a copy.
  std::unique_ptr<TestServer> ServeCopy(const std::string& name) {
    return Serve({"--sqlite-path", Copy(name), "--no-create", "--keyring-file", Keyring()});
  }
  std::string Keyring() {
    const std::string path = folder_.File("keyring");
    if (!std::filesystem::exists(path)) {
      EXPECT_EQ(CliRunner("127.0.0.1:1").Run({"keyring", "init", path, "2026-12"}).code, kOk);
    }
    return path;
  }
  std::string Copy(const std::string& name) const { return absl::StrCat(copies_, "/", name); }
  CliResult Cli(std::vector<std::string> words) const { return CliRunner(server_->address()).Run(std::move(words)); }
  static client::Client ClientOf(const TestServer& server) {
    client::ClientOptions options;
    options.address = server.address();
    return client::Client(options);
  }
  // Enough that a copy takes its time.
  void Fill() {
    client::Client client = ClientOf(*server_);
    for (int i = 0; i < 40; ++i) {
      client::CommitRequest commit;
      commit.session_id = absl::StrCat("large", i);
      commit.sets = {{{"session", "1"}, {ValueKind::kRaw, RandomBytes(1'000'000)}}};
      const auto revision = client.Commit(commit);
      ASSERT_TRUE(revision.ok()) << revision.status();
    }
  }
  static std::string RandomBytes(std::size_t size) {
    // NOLINTNEXTLINE(cert-msc32-c,cert-msc51-cpp): the same bytes in every run, that do not compress
    static std::mt19937 random;
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(copies_)) names.push_back(entry.path().filename());
    return names;
  }
  // Has a copy made, and does `what` to the server once it is under way. Whether it was made.
  template <typename What>
  bool CopyAnd(const std::string& name, What what) {
    absl::Notification under_way;
    bool made = false;
    std::thread copying([&] {
      client::Client client = ClientOf(*server_);
      const auto copied = client.CopyStore(name, [&](const client::CopyProgress&) {
        if (!under_way.HasBeenNotified()) under_way.Notify();
      });
      made = copied.ok();
      if (!under_way.HasBeenNotified()) under_way.Notify();
    });
    under_way.WaitForNotification();
    what();
    copying.join();
    return made;
  }

  TempDir folder_;
  const std::string copies_ = folder_.File("copies");
  std::unique_ptr<TestServer> server_;
};

TEST_F(StoreCopyTest, UnderWritersItHasAllThatWasAcknowledgedBeforeAndEndsEqualToARestingStore) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  std::vector<std::unique_ptr<SessionOwner>> owners;
  for (int i = 0; i < 4; ++i) {
    owners.push_back(std::make_unique<SessionOwner>(server_->address(), absl::StrCat("s", i)));
  }
  for (const auto& owner : owners) owner->AwaitMore(20);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::uint64_t> before;
    before.reserve(owners.size());
    for (const auto& owner : owners) before.push_back(owner->commits());
    const std::string name = absl::StrCat("round", round, ".db");
    const CliResult copied = Cli({"store", "copy", name, "--json"});
    ASSERT_EQ(copied.code, kOk) << copied.err;
    EXPECT_EQ(copied.OutJson().at("path"), Copy(name));
    EXPECT_EQ(copied.OutJson().at("bytes"), std::filesystem::file_size(Copy(name)));
    const auto copy = ServeCopy(name);
    ASSERT_NE(copy, nullptr);
    client::Client client = ClientOf(*copy);
    for (std::size_t i = 0; i < owners.size(); ++i) {
      const auto keys = client.GetKeys(absl::StrCat("s", i), {{"session", "current"}});
      ASSERT_TRUE(keys.ok()) << keys.status();
      EXPECT_GE(keys->revision, before[i]);
      ASSERT_EQ(keys->found.size(), 1U);
      EXPECT_EQ(keys->found.front().value.bytes, absl::StrCat(keys->revision)) << "of one moment";
    }
  }
  for (const auto& owner : owners) owner->Stop();
  ASSERT_EQ(Cli({"store", "copy", "last.db"}).code, kOk);
  const CliResult saved = Cli({"backup", "create", folder_.File("backups"), "--keyring-file", Keyring()});
  ASSERT_EQ(saved.code, kOk) << saved.err;
  const auto copy = ServeCopy("last.db");
  ASSERT_NE(copy, nullptr);
  for (const auto& owner : owners) owner->Check(copy->address());
  const CliResult compared =
      CliRunner(copy->address())
          .Run({"backup", "verify", folder_.File("backups"), "--live", "--keyring-file", Keyring(), "--json"});
  EXPECT_EQ(compared.code, kOk) << compared.err << compared.out;
  EXPECT_EQ(compared.OutJson().at("equal"), 4) << compared.out;
}

TEST_F(StoreCopyTest, IsAsEncryptedAsTheStore) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  client::CommitRequest commit;
  commit.session_id = "s";
  commit.sets = {{{"session", "1"}, {ValueKind::kRaw, "canary"}}};
  ASSERT_TRUE(ClientOf(*server_).Commit(commit).ok());
  ASSERT_EQ(Cli({"store", "copy", "copy.db"}).code, kOk);
  std::string bytes(std::filesystem::file_size(Copy("copy.db")), '\0');
  std::ifstream(Copy("copy.db"), std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_FALSE(absl::StrContains(bytes, "canary"));
  const auto opened = TestServer::Create({{"--sqlite-path", Copy("copy.db")}, {}});
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.status().message(), HasSubstr("keyring"));
}

TEST_F(StoreCopyTest, KilledInTheMiddleItLeavesNoHalfCopyUnderItsName) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  ASSERT_NO_FATAL_FAILURE(Fill());
  int unfinished = 0;
  for (int round = 0; round < 5 || unfinished == 0; ++round) {
    const std::string name = absl::StrCat("round", round, ".db");
    const bool made = CopyAnd(name, [&] { ASSERT_TRUE(server_->Kill().ok()); });
    // It may have been made, and its caller not have heard of that.
    if (std::filesystem::exists(Copy(name))) {
      EXPECT_NE(ServeCopy(name), nullptr);
      for (const char* const left : {"", "-wal", "-shm", ".made"}) std::filesystem::remove(Copy(name) + left);
    } else {
      EXPECT_FALSE(made);
      unfinished += static_cast<int>(std::filesystem::exists(Copy(".unfinished.db")));
    }
    ASSERT_TRUE(server_->Restart().ok());
  }
  ASSERT_EQ(Cli({"store", "copy", "last.db"}).code, kOk);
  EXPECT_THAT(Files(), testing::ElementsAre("last.db"));
}

TEST_F(StoreCopyTest, AStopGivesItUp) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  ASSERT_NO_FATAL_FAILURE(Fill());
  const bool made = CopyAnd("copy.db", [&] {
    const auto stopped = server_->Terminate();
    ASSERT_TRUE(stopped.ok()) << stopped.status();
    EXPECT_EQ(stopped->code, 0);
  });
  EXPECT_EQ(Files().size(), made ? 1U : 0U);
}

TEST_F(StoreCopyTest, OfOneWhoseCallerGoesAwayNothingIsLeft) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  ASSERT_NO_FATAL_FAILURE(Fill());
  client::Client client = ClientOf(*server_);
  const auto copied = client.CopyStore("copy.db", [&](const client::CopyProgress&) { client.Cancel(); });
  EXPECT_TRUE(copied.ok() || absl::IsCancelled(copied.status())) << copied.status();
  // The folder is free again once the server has heard of it.
  CliResult next;
  do next = Cli({"store", "copy", "next.db"});
  while (next.code == kRefused && absl::StrContains(next.err, "another copy is under way"));
  EXPECT_EQ(next.code, kOk) << next.err;
  EXPECT_FALSE(std::filesystem::exists(Copy(".unfinished.db")));
}

TEST_F(StoreCopyTest, OnlyANameWithinTheFolderIsTaken) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  for (const std::string& name :
       {std::string("../copy.db"), std::string("/tmp/copy.db"), std::string(".copy.db"), std::string("-copy.db"),
        std::string("copy"), std::string("copy.db-wal"), std::string("a/b.db"), std::string(".db"),
        std::string("a b.db"), std::string("a\n.db"), absl::StrCat(std::string(126, 'a'), ".db")}) {
    client::Client client = ClientOf(*server_);
    const auto copied = client.CopyStore(name, [](const client::CopyProgress&) {});
    EXPECT_TRUE(absl::IsInvalidArgument(copied.status())) << name << copied.status();
    EXPECT_THAT(copied.status().message(), HasSubstr("name")) << name;
  }
  EXPECT_THAT(Files(), IsEmpty());
  ASSERT_EQ(Cli({"store", "copy", absl::StrCat(std::string(125, 'a'), ".db")}).code, kOk);
  const CliResult unnamed = Cli({"store", "copy"});
  EXPECT_EQ(unnamed.code, kOk) << unnamed.err;
  EXPECT_THAT(unnamed.out, HasSubstr("/authstate-2"));
  const CliResult again = Cli({"store", "copy", absl::StrCat(std::string(125, 'a'), ".db")});
  EXPECT_EQ(again.code, kRefused);
  EXPECT_THAT(again.err, HasSubstr("is not replaced"));
}

TEST_F(StoreCopyTest, WithoutAFolderThatTheOperatorHasNamedThereIsNone) {
  server_ = Serve({"--sqlite-path", folder_.File("plain.db")});
  ASSERT_NE(server_, nullptr);
  const CliResult refused = Cli({"store", "copy", "copy.db"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("--copy-folder"));
  const auto relative =
      TestServer::Create({{"--sqlite-path", folder_.File("other.db"), "--copy-folder", "copies"}, {}});
  ASSERT_FALSE(relative.ok());
  EXPECT_THAT(relative.status().message(), HasSubstr("--copy-folder: not an absolute path"));
}

TEST_F(StoreCopyTest, AFileInThePlaceOfTheStoreIsNotCopied) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  std::filesystem::rename(folder_.File("store.db"), folder_.File("moved.db"));
  std::filesystem::copy_file(folder_.File("moved.db"), folder_.File("store.db"));
  const CliResult refused = Cli({"store", "copy", "copy.db"});
  EXPECT_EQ(refused.code, kUnavailable);
  EXPECT_THAT(refused.err, HasSubstr("the database file was removed, renamed or replaced"));
  EXPECT_THAT(Files(), IsEmpty());
}

}  // namespace
}  // namespace authstate::test
