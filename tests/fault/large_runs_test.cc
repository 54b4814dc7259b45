// authstatectl over many sessions, and over one with many keys: interrupted and killed in the middle, nothing is half
// done, and the same command again finishes it. ./dev fault has 1,000 sessions, ./dev test has 30.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "tests/integration/cli_test.h"
#include "tests/support/fault_rounds.h"
#include "tests/support/subprocess.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using test::Subprocess;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Minutes(10);
// More than one commit holds.
constexpr std::uint64_t kManyKeys = 10'050;
constexpr char kLarge[] = "large";

class LargeRunsTest : public CliTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CliTest::SetUp());
    client::ClientOptions options;
    options.address = server_->address();
    client_ = std::make_unique<client::Client>(options);
  }

  static int Count() { return test::FaultRounds().has_value() ? 1'000 : 30; }

  // A folder of a session with creds and so many pre-keys, a device list and a sender key memory each.
  void MakeFolder(const std::string& name, std::uint64_t keys) {
    const std::string folder = absl::StrCat(all_, "/", name);
    fs::create_directories(folder);
    std::ofstream(folder + "/creds.json") << test::WorkingCreds(name);
    for (std::uint64_t i = 1; i <= keys; ++i) {
      for (const std::string type : {"pre-key", "device-list", "sender-key-memory"}) {
        std::ofstream(absl::StrCat(folder, "/", type, "-", i, ".json")) << "{\"n\":" << i << "}";
      }
    }
  }
  void MakeFolders() {
    for (int i = 0; i < Count(); ++i) MakeFolder(absl::StrCat("bot-", i), kKeys);
  }

  std::map<std::string, client::SessionSummary> Listing() {
    std::map<std::string, client::SessionSummary> sessions;
    const auto listed = client_->ListSessions({}, [&](client::SessionSummary session) {
      sessions.emplace(session.session_id, session);
      return absl::OkStatus();
    });
    EXPECT_TRUE(listed.ok()) << listed.status();
    return sessions;
  }
  // Whether there are creds, and how many keys; nullopt: there is no such session.
  std::optional<std::pair<bool, std::uint64_t>> Look(const std::string& session_id) {
    const auto sessions = Listing();
    const auto found = sessions.find(session_id);
    if (found == sessions.end()) return std::nullopt;
    return std::pair(found->second.has_creds, found->second.key_count);
  }
  std::uint64_t SessionsWith(std::uint64_t keys) {
    std::uint64_t count = 0;
    for (const auto& [id, session] : Listing()) count += session.has_creds && session.key_count == keys ? 1 : 0;
    return count;
  }

  // Runs a command, ended with `signal` as soon as `begun`, if it has not ended by then; what it said.
  CliResult RunUntil(std::vector<std::string> arguments, int signal, const std::function<bool()>& begun) {
    arguments.insert(arguments.begin(), test::ProgramPath("authstatectl"));
    const auto process = Subprocess::Start({std::move(arguments), cli_->Environment()});
    EXPECT_TRUE(process.ok()) << process.status();
    while ((*process)->running() && !begun()) absl::SleepFor(absl::Milliseconds(2));
    (*process)->Signal(signal);
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    const int code = exit->code.value_or(-1);
    // A signal that comes before anything has begun ends the process itself.
    EXPECT_TRUE(exit->signal.has_value() || code == kOk || code == kInterrupted)
        << (*process)->output(Subprocess::Stream::kStderr);
    interrupted_ += code != kOk ? 1 : 0;
    return {code, (*process)->output(Subprocess::Stream::kStdout), (*process)->output(Subprocess::Stream::kStderr)};
  }
  // The same command to its end, timed.
  CliResult Finish(const std::vector<std::string>& arguments) {
    const absl::Time began = absl::Now();
    CliResult result = Run(arguments);
    EXPECT_EQ(result.code, kOk) << result.err;
    Report(absl::StrCat(absl::StrJoin(arguments.begin(), arguments.begin() + 2, " "), " to its end: ",
                        absl::FormatDuration(absl::Trunc(absl::Now() - began, absl::Milliseconds(1)))));
    return result;
  }
  static void Report(const std::string& line) {
    const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
    std::cout << "fault report: " << test.test_suite_name() << "." << test.name() << ": " << line << std::endl;
  }
  // How many commands were ended before their end; none would show nothing.
  void ExpectInterruptions() const {
    EXPECT_GT(interrupted_, 0);
    Report(absl::StrCat(interrupted_, " commands ended in the middle"));
  }

  static constexpr std::uint64_t kKeys = 3;
  static constexpr std::uint64_t kWhole = 3 * kKeys;
  static constexpr std::uint64_t kPruned = kKeys;
  const std::string all_ = directory_.File("all");
  std::unique_ptr<client::Client> client_;
  int interrupted_ = 0;
};

TEST_F(LargeRunsTest, ManySessionsAreWholeOrNotThereAtAnyEnd) {
  MakeFolders();
  const auto count = static_cast<std::uint64_t>(Count());
  const std::vector<std::string> import = {"session", "import", "--all", all_};
  std::uint64_t part = 0;
  for (const int signal : {SIGKILL, SIGINT}) {
    part += count / 4;
    const CliResult ended = RunUntil(import, signal, [&] { return Listing().size() >= part; });
    EXPECT_EQ(SessionsWith(kWhole), Listing().size());
    if (ended.code == kInterrupted) {
      EXPECT_THAT(ended.err, HasSubstr("run it again"));
    }
  }
  (void)Finish(import);
  EXPECT_EQ(SessionsWith(kWhole), count);

  const std::vector<std::string> prune = {"session", "prune", "--all", "--steal"};
  part = 0;
  for (const int signal : {SIGKILL, SIGINT}) {
    part += count / 4;
    (void)RunUntil(prune, signal, [&] { return SessionsWith(kPruned) >= part; });
    EXPECT_EQ(SessionsWith(kPruned) + SessionsWith(kWhole), count);
  }
  (void)Finish(prune);
  EXPECT_EQ(SessionsWith(kPruned), count);

  const std::string out = directory_.File("out");
  const std::vector<std::string> exported = {"session", "export", "--all", out};
  const auto folders = [&] {
    std::error_code error;
    std::uint64_t whole = 0;
    for (const auto& folder : fs::directory_iterator(out, error)) {
      if (folder.path().filename().string().front() == '.') continue;
      const auto files = std::distance(fs::directory_iterator(folder), fs::directory_iterator());
      EXPECT_EQ(files, 1 + kPruned) << folder;
      ++whole;
    }
    return whole;
  };
  part = 0;
  for (const int signal : {SIGKILL, SIGINT}) {
    part += count / 4;
    const CliResult ended = RunUntil(exported, signal, [&] { return folders() >= part; });
    if (ended.code == kInterrupted) {
      EXPECT_THAT(ended.out, HasSubstr("exported "));
    }
  }
  (void)Finish(exported);
  EXPECT_EQ(folders(), count);

  (void)RunUntil({"session", "check", "--all"}, SIGINT, [] { return true; });
  EXPECT_EQ(Run({"session", "check", "--all", "--json"}).OutJson()["sessions"].size(), count);

  // There is no command that deletes all: one each, which is atomic. A command that was killed between its last
  // deletion and giving the lease back has left it to end by itself, and the prune that followed found nothing to do
  // there.
  const CliResult deleted = cli_->Bash(
      "authstatectl session list --quiet | xargs -n 1 authstatectl session delete --yes --take-lease --steal");
  EXPECT_EQ(Listing().size(), 0U) << deleted.err;
  ExpectInterruptions();
}

TEST_F(LargeRunsTest, OneSessionOfManyKeysIsWholeOrTakenForUnfinished) {
  MakeFolder(kLarge, kManyKeys / 3);
  const std::uint64_t whole = 3 * (kManyKeys / 3);
  const std::string folder = absl::StrCat(all_, "/", kLarge);
  const auto whole_or_without_creds = [&](const std::string& session_id) {
    const auto session = Look(session_id);
    if (session.has_value() && session->first) {
      EXPECT_EQ(session->second, whole) << session_id;
    }
  };
  const auto there = [this](const std::string& session_id) { return [=] { return Look(session_id).has_value(); }; };

  const std::vector<std::string> import = {"session", "import", kLarge, folder, "--take-lease", "--steal"};
  for (const int signal : {SIGKILL, SIGINT}) {
    (void)RunUntil(import, signal, there(kLarge));
    whole_or_without_creds(kLarge);
  }
  (void)Finish(import);
  EXPECT_EQ(Look(kLarge), std::pair(true, whole));

  const std::vector<std::string> copy = {"session", "copy", kLarge, "copy", "--steal"};
  for (const int signal : {SIGKILL, SIGINT}) {
    (void)RunUntil(copy, signal, there("copy"));
    whole_or_without_creds("copy");
    EXPECT_EQ(Look(kLarge), std::pair(true, whole));
  }
  (void)Finish(copy);

  const std::vector<std::string> rename = {"session", "rename", "copy", "moved", "--steal"};
  (void)RunUntil(rename, SIGKILL, there("moved"));
  whole_or_without_creds("moved");
  // One of the two is whole at any moment.
  EXPECT_TRUE(Look("copy") == std::pair(true, whole) || Look("moved") == std::pair(true, whole));
  if (Look("copy").has_value()) (void)Finish(rename);
  EXPECT_EQ(Look("moved"), std::pair(true, whole));
  EXPECT_FALSE(Look("copy").has_value());

  const std::vector<std::string> prune = {"session", "prune", "moved", "--steal"};
  for (const int signal : {SIGKILL, SIGINT}) {
    (void)RunUntil(prune, signal, [&] { return Look("moved")->second < whole; });
    EXPECT_TRUE(Look("moved")->first);
  }
  (void)Finish(prune);
  EXPECT_EQ(Look("moved"), std::pair(true, whole / 3));
  EXPECT_EQ(Run({"keys", "list", "moved", "pre-key", "--json"}).OutJson()["keys"].size(), whole / 3);

  const std::string out = directory_.File("out");
  const std::vector<std::string> exported = {"session", "export", kLarge, out};
  const auto staging = [&] {
    return std::any_of(
        fs::directory_iterator(directory_.path()), fs::directory_iterator(),
        [](const fs::directory_entry& entry) { return entry.path().filename().string().rfind(".out.", 0) == 0; });
  };
  (void)RunUntil(exported, SIGKILL, staging);
  if (!fs::exists(out)) (void)Finish(exported);
  EXPECT_EQ(std::distance(fs::directory_iterator(out), fs::directory_iterator()), 1 + whole);

  (void)RunUntil({"session", "delete", kLarge, "--yes"}, SIGKILL, [] { return true; });
  const auto left = Look(kLarge);
  EXPECT_TRUE(!left.has_value() || *left == std::pair(true, whole));
  if (left.has_value()) (void)Finish({"session", "delete", kLarge, "--yes"});
  EXPECT_FALSE(Look(kLarge).has_value());
  ExpectInterruptions();
}

}  // namespace
}  // namespace authstate
