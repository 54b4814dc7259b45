// How authstatectl writes a session that has an owner: under a fence, or under a lease that it takes for itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/cli_test.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class CliLeaseTest : public CliTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CliTest::SetUp());
    fs::create_directory(folder_);
    std::ofstream(folder_ + "/creds.json") << test::WorkingCreds();
    std::ofstream(folder_ + "/pre-key-1.json") << "1";
  }

  // Every command that writes session `s`, in an order in which all succeed; from a session without anything.
  std::vector<std::vector<std::string>> Writes() {
    return {{"creds", "set", "s", test::WorkingCreds()},
            {"keys", "set", "s", "pre-key", "1", "1"},
            {"keys", "delete", "s", "pre-key", "1"},
            {"session", "import", "s", folder_, "--replace"},
            {"session", "delete", "s", "--yes"}};
  }

  const std::string folder_ = directory_.File("auth");
};

TEST_F(CliLeaseTest, EveryWriteIsRefusedForALiveLeaseAndSaysTheWayPast) {
  ASSERT_EQ(Run({"keys", "set", "s", "pre-key", "1", "1"}).code, kOk);
  (void)Acquire("s", "pool-1");
  for (const auto& write : Writes()) {
    const CliResult refused = Run(write);
    EXPECT_EQ(refused.code, kRefused) << testing::PrintToString(write);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("pool-1"), HasSubstr("--take-lease --steal"), HasSubstr("--fence")));
    const CliResult held = Run(write, {"--take-lease"});
    EXPECT_EQ(held.code, kRefused) << testing::PrintToString(write);
    EXPECT_THAT(held.err, AllOf(HasSubstr("pool-1"), HasSubstr("--steal")));
  }
  EXPECT_EQ(Run({"session", "show", "s", "--json"}).OutJson()["revision"], 1);
  EXPECT_EQ(Lease("s")["owner"], "pool-1");
}

TEST_F(CliLeaseTest, TakenLeaseIsGivenBackWithTheTokenOfTheCommand) {
  const CliResult token =
      Run({"token", "create", "--label", "t", "--rights", "read,write,admin", "--all-sessions", "--quiet"});
  ASSERT_EQ(token.code, kOk) << token.err;
  const std::vector<std::string> shown = {"--token", token.out.substr(0, token.out.find('\n'))};
  std::vector<std::string> write = {"keys", "set", "s", "pre-key", "1", "1", "--take-lease"};
  write.insert(write.end(), shown.begin(), shown.end());
  const CliResult written = Run(write);
  EXPECT_EQ(written.code, kOk) << written.err;
  EXPECT_EQ(written.err, "");
  EXPECT_EQ(Run({"lease", "show", "s", "--json"}, shown).OutJson()["owner"], "");
}

TEST_F(CliLeaseTest, TheHolderOfAMaintenanceLeaseWritesUnderItsFence) {
  (void)Acquire("s", "pool-1");
  const std::string fence = std::to_string(Acquire("s", "maintenance"));
  for (const auto& write : Writes()) {
    const CliResult done = Run(write, {"--fence", fence});
    EXPECT_EQ(done.code, kOk) << testing::PrintToString(write) << done.err;
    EXPECT_EQ(Lease("s")["owner"], "maintenance");
  }
  for (const auto& write : Writes()) {
    // There is nothing to delete, and so nothing to refuse.
    if (write[1] == "delete" && write[0] == "keys") continue;
    EXPECT_EQ(Run(write, {"--fence", "1"}).code, kRefused) << testing::PrintToString(write);
  }
}

TEST_F(CliLeaseTest, TakenLeaseIsGivenBackAlsoByACommandThatFails) {
  (void)Acquire("s", "pool-1");
  std::uint64_t fence = 1;
  for (const auto& write : Writes()) {
    const CliResult done = Run(write, {"--take-lease", "--steal"});
    EXPECT_EQ(done.code, kOk) << testing::PrintToString(write) << done.err;
    EXPECT_EQ(Lease("s")["owner"], "") << testing::PrintToString(write);
    // Taken and given back: the owner before can do nothing any more.
    EXPECT_EQ(Lease("s")["fence"], fence + 2);
    fence += 2;
  }
  // There is no such session now.
  EXPECT_NE(Run({"session", "delete", "s", "--yes", "--take-lease"}).code, kOk);
  EXPECT_EQ(Lease("s")["owner"], "");
  EXPECT_EQ(Lease("s")["fence"], fence + 2);
}

TEST_F(CliLeaseTest, OptionsThatContradictEachOtherAreWrongUsage) {
  EXPECT_EQ(Run({"keys", "set", "s", "pre-key", "1", "1", "--fence", "1", "--take-lease"}).code, kUsage);
  EXPECT_EQ(Run({"keys", "set", "s", "pre-key", "1", "1", "--steal"}).code, kUsage);
}

TEST_F(CliLeaseTest, OwnersAreListed) {
  ASSERT_EQ(Run({"keys", "set", "a", "pre-key", "1", "1"}).code, kOk);
  ASSERT_EQ(Run({"keys", "set", "b", "pre-key", "1", "1"}).code, kOk);
  (void)Acquire("b", "pool-1");
  (void)Acquire("c", "pool-2");
  EXPECT_THAT(Run({"session", "list"}).out, MatchesRegex("SESSION .* OWNER\na .* -\nb .* pool-1\n"));
  const nlohmann::json sessions = Run({"session", "list", "--json"}).OutJson()["sessions"];
  EXPECT_EQ(sessions[0]["lease"]["owner"], "");
  EXPECT_EQ(sessions[1]["lease"]["owner"], "pool-1");
  EXPECT_EQ(sessions[1]["lease"]["fence"], 1);
  // A pool that waits for its code to be scanned has a lease and has written nothing.
  EXPECT_THAT(Run({"lease", "list"}).out,
              MatchesRegex("SESSION +OWNER +FENCE +LEASE\nb +pool-1 +1 +.* left\nc +pool-2 +1 +.* left\n"));
  const nlohmann::json leases = Run({"lease", "list", "--prefix", "c", "--json"}).OutJson()["leases"];
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0]["session_id"], "c");
  EXPECT_GT(leases[0]["remaining_ms"], 0);
}

}  // namespace
}  // namespace authstate
