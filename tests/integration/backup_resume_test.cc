// authstatectl backup create, killed at any point while others write: the next run goes on, and what counts as a backup
// is always whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <random>
#include <system_error>
#include <thread>

#include "absl/time/clock.h"
#include "tests/integration/backup_test.h"
#include "tests/support/subprocess.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::SizeIs;

constexpr int kSessions = 120;
constexpr int kKeys = 40;
constexpr int kKills = 20;
constexpr absl::Duration kPatience = absl::Seconds(60);

// Random text, which compression makes no shorter.
std::string Noise(std::mt19937& random, std::size_t bytes) {
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class BackupResumeTest : public BackupTest, public testing::WithParamInterface<Store> {
 protected:
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
};

INSTANTIATE_TEST_SUITE_P(Stores, BackupResumeTest, testing::ValuesIn(kStores),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(BackupResumeTest, KilledAgainAndAgainUnderTrafficItGoesOn) {
  const ServedStore store = Serve(GetParam());
  ASSERT_NE(store.server, nullptr);
  std::mt19937 random(20);
  for (int i = 0; i < kSessions; ++i) {
    client::CommitRequest commit;
    commit.session_id = Id(i);
    commit.creds = JsonOf(test::WorkingCreds("m"));
    for (int k = 0; k < kKeys; ++k) {
      commit.sets.push_back({{"session", absl::StrCat(k)}, {ValueKind::kRaw, Noise(random, 500)}});
    }
    ASSERT_TRUE(store.client->Commit(std::move(commit)).ok());
  }
  std::atomic<bool> done{false};
  std::atomic<int> writes{0};
  std::thread traffic([&] {
    std::mt19937 choice(7);
    while (!done) {
      const std::string id = Id(static_cast<int>(choice() % 10));
      const auto written = store.client->SetKeys(id, {{{"session", "1"}, {ValueKind::kRaw, Noise(choice, 500)}}});
      EXPECT_TRUE(written.ok()) << written.status();
      ++writes;
    }
  });
  constexpr std::uintmax_t kAboutAll = std::uintmax_t{kSessions} * kKeys * 500;
  // With nothing else to go on from than what the killed run has left.
  ASSERT_TRUE(KillAt(store, kAboutAll / 2));
  ASSERT_THAT(Files("authstate-"), SizeIs(0));
  const nlohmann::json resumed = Create(store);
  EXPECT_EQ(resumed["sessions"], kSessions);
  if (GetParam() == Store::kLegacy) {
    EXPECT_EQ(resumed["taken_over"], 0);
  } else {
    EXPECT_GT(resumed["taken_over"], kSessions / 4);
  }
  int killed = 0;
  for (int i = 0; i < kKills; ++i) {
    killed += KillAt(store, random() % kAboutAll) ? 1 : 0;
    // What has a name is whole, whenever that was.
    for (const std::string& path : Files("authstate-")) {
      EXPECT_EQ(store.cli->Run({"backup", "verify", path, "--keyring-file", keyring_}).code, kOk) << path;
    }
    EXPECT_LE(Files(".unfinished-").size(), 2U);
  }
  EXPECT_GT(killed, kKills / 2);
  done = true;
  traffic.join();
  EXPECT_GT(writes, 0);
  const nlohmann::json created = Create(store);
  EXPECT_EQ(created["sessions"], kSessions);
  if (GetParam() != Store::kLegacy) {
    EXPECT_GT(created["taken_over"], 0);
  }
  EXPECT_THAT(Files(".unfinished-"), SizeIs(0));
  const CliResult live = Backup(store, "verify", {"--live", "--json"});
  EXPECT_EQ(live.code, kOk) << live.err;
  EXPECT_EQ(live.OutJson()["equal"], kSessions);
}

TEST_P(BackupResumeTest, RateIsABoundAndASignalLeavesWhatThereIs) {
  const ServedStore store = Serve(GetParam());
  ASSERT_NE(store.server, nullptr);
  for (int i = 0; i < 4; ++i) Write(*store.client, Id(i), "m", 1, 100'000);
  // So slow that it would take a day; the first session is sent at once.
  auto run = test::Subprocess::Start(
      {{test::ProgramPath("authstatectl"), "backup", "create", folder_, "--keyring-file", keyring_, "--rate", "1"},
       store.cli->Environment()});
  ASSERT_TRUE(run.ok()) << run.status();
  while ((*run)->running() && Files(".unfinished-").empty()) absl::SleepFor(absl::Milliseconds(1));
  // Nobody else may write there meanwhile.
  EXPECT_EQ(Backup(store, "create").code, kRefused);
  (*run)->Signal(SIGTERM);
  const auto exit = (*run)->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kInterrupted) << (*run)->output(test::Subprocess::Stream::kStderr);
  EXPECT_THAT(Files("authstate-"), SizeIs(0));
  EXPECT_THAT(Files(".unfinished-"), SizeIs(1));
  EXPECT_EQ(Create(store)["sessions"], 4);
  EXPECT_THAT(Files(".unfinished-"), SizeIs(0));
}

}  // namespace
}  // namespace authstate
