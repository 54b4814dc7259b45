// authstatectl backup over many sessions that are written meanwhile: killed at any point, the next run goes on, and
// what counts as a backup is always whole; and how long everything takes. ./dev fault has 1,000 sessions of 500 keys
// and twenty kills, ./dev test has few.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <iostream>
#include <random>
#include <system_error>
#include <thread>

#include "absl/time/clock.h"
#include "tests/integration/backup_test.h"
#include "tests/support/fault_rounds.h"
#include "tests/support/subprocess.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::SizeIs;

constexpr absl::Duration kPatience = absl::Minutes(10);
constexpr std::size_t kValueBytes = 500;

struct Scale {
  int sessions = 0;
  int keys = 0;
  int kills = 0;
};

Scale OfThisRun() { return test::FaultRounds().has_value() ? Scale{1'000, 500, 20} : Scale{60, 40, 3}; }

// Random text, which compression makes no shorter.
std::string Noise(std::mt19937& random, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

void Report(const std::string& line) {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  std::cout << "fault report: " << test.test_suite_name() << "." << test.name() << ": " << line << std::endl;
}

// Writes to ten of the sessions until it goes.
class Traffic {
 public:
  explicit Traffic(client::Client& client) : thread_([this, &client] { Run(client); }) {}
  ~Traffic() {
    done_ = true;
    thread_.join();
    EXPECT_GT(writes_, 0);
  }

 private:
  void Run(client::Client& client) {
    std::mt19937 random(7);
    while (!done_) {
      const std::string id = absl::StrCat("session-", random() % 10);
      const auto written = client.SetKeys(id, {{{"session", "1"}, {ValueKind::kRaw, Noise(random, kValueBytes)}}});
      EXPECT_TRUE(written.ok()) << written.status();
      ++writes_;
    }
  }

  std::atomic<bool> done_{false};
  std::atomic<int> writes_{0};
  std::thread thread_;
};

class BackupRunsTest : public BackupTest {
 protected:
  void Fill(const ServedStore& store) {
    for (int i = 0; i < scale_.sessions; ++i) {
      client::CommitRequest commit;
      commit.session_id = Id(i);
      commit.creds = JsonOf(test::WorkingCreds("m"));
      for (int k = 0; k < scale_.keys; ++k) {
        commit.sets.push_back({{"session", absl::StrCat(k)}, {ValueKind::kRaw, Noise(random_, kValueBytes)}});
      }
      ASSERT_TRUE(store.client->Commit(std::move(commit)).ok());
    }
  }
  // Kills a run once its own file is as long as `bytes`; false when it had ended before.
  bool KillAt(const ServedStore& store, std::uintmax_t bytes) {
    const std::vector<std::string> before = Files(".unfinished-");
    auto run = test::Subprocess::Start(
        {{test::ProgramPath("authstatectl"), "backup", "create", folder_, "--keyring-file", keyring_},
         store.cli->Environment()});
    EXPECT_TRUE(run.ok()) << run.status();
    while ((*run)->running() && NewBytes(before) < bytes) absl::SleepFor(absl::Milliseconds(1));
    (*run)->Signal(SIGKILL);
    const auto exit = (*run)->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    return exit.ok() && exit->signal.has_value();
  }
  // How long the unfinished file is that was not there before.
  std::uintmax_t NewBytes(const std::vector<std::string>& before) const {
    std::uintmax_t longest = 0;
    for (const std::string& path : Files(".unfinished-")) {
      if (std::count(before.begin(), before.end(), path) > 0) continue;
      std::error_code gone;
      const std::uintmax_t size = fs::file_size(path, gone);
      if (!gone) longest = std::max(longest, size);
    }
    return longest;
  }
  // Reports how long one command takes, which has to succeed.
  CliResult Timed(const std::string& what, const ServedStore& store, const std::string& command,
                  std::vector<std::string> more = {}) {
    more.emplace_back("--json");
    const absl::Time begin = absl::Now();
    CliResult result = Backup(store, command, std::move(more));
    EXPECT_EQ(result.code, kOk) << result.err;
    Report(absl::StrCat(what, ": ", absl::FormatDuration(absl::Trunc(absl::Now() - begin, absl::Milliseconds(100)))));
    return result;
  }

  const Scale scale_ = OfThisRun();
  std::mt19937 random_{20};
};

class BackupKillsTest : public BackupRunsTest, public testing::WithParamInterface<Store> {};

INSTANTIATE_TEST_SUITE_P(Stores, BackupKillsTest, testing::ValuesIn(kStores),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(BackupKillsTest, KilledAgainAndAgainUnderTrafficItGoesOn) {
  const ServedStore store = Serve(GetParam());
  ASSERT_NE(store.server, nullptr);
  ASSERT_NO_FATAL_FAILURE(Fill(store));
  const bool tells_changes = GetParam() != Store::kLegacy;
  const std::uintmax_t about_all = static_cast<std::uintmax_t>(scale_.sessions) * scale_.keys * kValueBytes;
  {
    const Traffic traffic(*store.client);
    // With nothing else to go on from than what the killed run has left.
    ASSERT_TRUE(KillAt(store, about_all / 2));
    ASSERT_THAT(Files("authstate-"), SizeIs(0));
    const nlohmann::json resumed = Create(store);
    EXPECT_EQ(resumed["sessions"], scale_.sessions);
    if (tells_changes) {
      EXPECT_GT(resumed["taken_over"], scale_.sessions / 4);
    } else {
      EXPECT_EQ(resumed["taken_over"], 0);
    }
    int killed = 0;
    for (int i = 0; i < scale_.kills; ++i) {
      killed += KillAt(store, random_() % about_all) ? 1 : 0;
      // What has a name is whole, whenever that was.
      EXPECT_EQ(Backup(store, "list", {"--verify"}).code, kOk);
      EXPECT_LE(Files(".unfinished-").size(), 2U);
    }
    EXPECT_GT(killed, scale_.kills / 4);
    Report(absl::StrCat(killed, " runs killed"));
  }
  const nlohmann::json created = Create(store);
  EXPECT_EQ(created["sessions"], scale_.sessions);
  if (tells_changes) {
    EXPECT_GT(created["taken_over"], 0);
  }
  EXPECT_THAT(Files(".unfinished-"), SizeIs(0));
  EXPECT_EQ(Backup(store, "list", {"--verify"}).code, kOk);
  const CliResult live = Backup(store, "verify", {"--live", "--json"});
  EXPECT_EQ(live.code, kOk) << live.err;
  EXPECT_EQ(live.OutJson()["equal"], scale_.sessions);
}

TEST_F(BackupRunsTest, WhatIsSavedUnderTrafficComesBackInEveryKindOfTables) {
  const ServedStore store = Serve(Store::kSqlite);
  ASSERT_NE(store.server, nullptr);
  ASSERT_NO_FATAL_FAILURE(Fill(store));
  {
    const Traffic traffic(*store.client);
    const nlohmann::json created = Timed("create", store, "create").OutJson();
    EXPECT_EQ(created["sessions"], scale_.sessions);
    const std::uintmax_t bytes = fs::file_size(Files("authstate-000001-").front());
    Report(absl::StrCat(created["value_bytes"].get<std::uint64_t>(), " bytes of values in a file of ", bytes));
    EXPECT_GT(Timed("create, what has changed", store, "create").OutJson()["taken_over"], scale_.sessions / 2);
    Timed("verify", store, "verify");
    Timed("drill", store, "drill");
  }
  for (const Store kind : kStores) {
    const ServedStore target = Serve(kind);
    ASSERT_NE(target.server, nullptr);
    const CliResult restored = Timed(absl::StrCat("restore, ", NameOf(kind)), target, "restore", {"--all"});
    EXPECT_EQ(restored.OutJson()["done"], scale_.sessions);
    // Ahead of the backup; so it is the values that are compared.
    const auto keys = target.client->GetKeys(Id(scale_.sessions - 1), {{"session", "0"}});
    ASSERT_TRUE(keys.ok()) << keys.status();
    EXPECT_EQ(keys->found, store.client->GetKeys(Id(scale_.sessions - 1), {{"session", "0"}})->found);
  }
}

}  // namespace
}  // namespace authstate
