// authstatectl session import of dumps and of many sessions, against a real authstated on SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "tests/integration/cli_test.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CliImportTest : public CliTest {
 protected:
  void File(const std::string& name, const std::string& text) {
    const std::string path = directory_.File(name);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  // A session's folder within `bots`.
  void Bot(const std::string& name, const std::string& pre_key = "{}") {
    File(absl::StrCat("bots/", name, "/creds.json"), test::WorkingCreds(name));
    File(absl::StrCat("bots/", name, "/pre-key-1.json"), pre_key);
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& session : Sessions()) names.push_back(session["session_id"]);
    return names;
  }

  const std::string bots_ = directory_.File("bots");
};

TEST_F(CliImportTest, ADumpIsFoundOutAndSaid) {
  File("dump", absl::StrCat(R"({"session":"demo","id":"creds","value":)", test::WorkingCreds(), "}\n",
                            R"({"session":"demo","id":"pre-key-1","value":"{}"})", "\n",
                            R"({"session":"demo","id":"poll-1","value":"{}"})", "\n"));
  const CliResult imported = Run({"session", "import", "demo", directory_.File("dump")});
  ASSERT_EQ(imported.code, kOk) << imported.err;
  EXPECT_THAT(imported.out, AllOf(HasSubstr("imported creds and 1 key into session demo"),
                                  HasSubstr("left out: poll-1: is of no known key type"),
                                  HasSubstr("read as mysql-baileys: rows of session, id, value")));
  EXPECT_EQ(imported.err, "");
  EXPECT_EQ(Run({"creds", "get", "demo"}).out, test::WorkingCreds() + "\n");
  const nlohmann::json json = Run({"session", "import", "demo", directory_.File("dump"), "--json"}).OutJson();
  EXPECT_EQ(json["from"], "mysql-baileys");
  EXPECT_EQ(json["unchanged"], true);
  EXPECT_EQ(json["left_out"][0]["file"], "poll-1");
}

TEST_F(CliImportTest, StandardInputAndAnotherNameInTheDump) {
  File("dump", absl::StrCat(R"([{"session":"a","id":"creds","value":)", test::WorkingCreds("a"), "},",
                            R"({"session":"b","id":"creds","value":)", test::WorkingCreds("b"), "}]"));
  const CliResult refused = Run({"session", "import", "demo", directory_.File("dump")});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("there is no session demo in it, but a, b; --source-session"));
  const CliResult imported =
      cli_->Bash(absl::StrCat("authstatectl session import demo - --source-session b < ", directory_.File("dump")));
  ASSERT_EQ(imported.code, kOk) << imported.err;
  EXPECT_EQ(Run({"creds", "get", "demo"}).out, test::WorkingCreds("b") + "\n");
}

TEST_F(CliImportTest, ADryRunChecksAllAndWritesNothing) {
  Bot("a");
  const CliResult dry = Run({"session", "import", "demo", bots_ + "/a", "--dry-run"});
  ASSERT_EQ(dry.code, kOk) << dry.err;
  EXPECT_THAT(dry.out,
              AllOf(HasSubstr("would import creds and 1 key into session demo in 1 commit; nothing was written"),
                    HasSubstr("its state: unpaired"), HasSubstr("wrong: ")));
  const nlohmann::json json = Run({"session", "import", "demo", bots_ + "/a", "--dry-run", "--json"}).OutJson();
  EXPECT_EQ(json["dry_run"], true);
  EXPECT_EQ(json["state"], "unpaired");
  EXPECT_THAT(Sessions(), IsEmpty());
  MustRun({"keys", "set", "demo", "pre-key", "9", "{}"});
  EXPECT_EQ(Run({"session", "import", "demo", bots_ + "/a", "--dry-run"}).code, kRefused);
  File("bots/a/pre-key-2.json", "{");
  EXPECT_THAT(Run({"session", "import", "other", bots_ + "/a", "--dry-run"}).err, HasSubstr("pre-key-2.json"));
}

TEST_F(CliImportTest, TornFilesAreLeftOutOnRequest) {
  Bot("a");
  File("bots/a/session-1.0.json", "{");
  EXPECT_EQ(Run({"session", "import", "demo", bots_ + "/a"}).code, kRefused);
  const CliResult imported = Run({"session", "import", "demo", bots_ + "/a", "--skip-torn"});
  ASSERT_EQ(imported.code, kOk) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("left out: session-1.0.json: "));
  File("bots/a/creds.json", "{");
  File("bots/a/creds.json.bak", test::WorkingCreds());
  const CliResult refused = Run({"session", "import", "other", bots_ + "/a", "--skip-torn"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("a whole creds.json.bak stands beside it"));
  fs::remove(bots_ + "/a/creds.json");
  EXPECT_THAT(Run({"session", "import", "other", bots_ + "/a", "--skip-torn"}).err,
              AllOf(HasSubstr("has no creds"), HasSubstr("creds.json.bak")));
}

TEST_F(CliImportTest, AFolderThatWasWrittenJustNowIsWarnedOf) {
  Bot("a");
  EXPECT_EQ(Run({"session", "import", "demo", bots_ + "/a"}).err, "");
  fs::last_write_time(bots_ + "/a/pre-key-1.json", fs::file_time_type::clock::now());
  EXPECT_THAT(Run({"session", "import", "other", bots_ + "/a"}).err, HasSubstr("if a program still uses it"));
}

TEST_F(CliImportTest, AllFoldersAreImportedWithASummaryAndAgainInVain) {
  for (const std::string name : {"a", "b", "c"}) Bot(name);
  const CliResult imported = Run({"session", "import", "--all", bots_});
  ASSERT_EQ(imported.code, kOk) << imported.err;
  EXPECT_THAT(imported.out, AllOf(HasSubstr("into session a at revision 1"), HasSubstr("\nimported 3 sessions\n")));
  EXPECT_THAT(Names(), testing::ElementsAre("a", "b", "c"));
  const CliResult again = Run({"session", "import", "--all", bots_});
  ASSERT_EQ(again.code, kOk) << again.err;
  EXPECT_THAT(again.out, HasSubstr("imported 0 sessions; 3 held it already"));
  EXPECT_EQ(Sessions()[0]["revision"], 1);
}

TEST_F(CliImportTest, WhereOneFailsTheOthersAreImportedAndTheExitCodeSaysSo) {
  for (const std::string name : {"a", "b", "c"}) Bot(name);
  File("bots/b/creds.json", "{");
  const CliResult imported = Run({"session", "import", "--all", bots_});
  EXPECT_EQ(imported.code, kRefused);
  EXPECT_THAT(imported.out, AllOf(HasSubstr("session b FAILED: "), HasSubstr("\n  creds.json: "),
                                  HasSubstr("imported 2 sessions; 1 failed")));
  EXPECT_THAT(Names(), testing::ElementsAre("a", "c"));
  Bot("b");
  Bot("c", "[]");
  const nlohmann::json json = Run({"session", "import", "--all", bots_, "--json"}).OutJson();
  EXPECT_EQ(json["imported"], 1);
  EXPECT_EQ(json["unchanged"], 1);
  EXPECT_EQ(json["failed"], 1);
  EXPECT_THAT(json["sessions"][2]["error"], HasSubstr("holds something else"));
  EXPECT_EQ(Run({"session", "import", "--all", bots_, "--replace"}).code, kOk);
  EXPECT_EQ(Run({"keys", "get", "c", "pre-key", "1"}).out, "[]\n");
}

TEST_F(CliImportTest, AllSessionsOfADump) {
  File("dump", absl::StrCat(R"([{"sessionId":"a","id":"creds","data":)", test::WorkingCreds("a"), "},",
                            R"({"sessionId":"no id","id":"creds","data":)", test::WorkingCreds("b"), "}]"));
  const CliResult imported = Run({"session", "import", "--all", directory_.File("dump")});
  EXPECT_EQ(imported.code, kRefused);
  EXPECT_THAT(imported.out, HasSubstr("session no id FAILED: the session id: has a byte outside"));
  EXPECT_THAT(Names(), testing::ElementsAre("a"));
  File("hash", absl::StrCat(R"({"creds":)", test::WorkingCreds(), "}"));
  EXPECT_THAT(Run({"session", "import", "--all", directory_.File("hash")}).out, HasSubstr("does not say whose it is"));
}

TEST_F(CliImportTest, SessionsOfLiveOwnersFailAndStay) {
  for (const std::string name : {"a", "b"}) Bot(name);
  Acquire("a", "bot");
  const CliResult imported = Run({"session", "import", "--all", bots_});
  EXPECT_EQ(imported.code, kRefused);
  EXPECT_THAT(imported.out, AllOf(HasSubstr("session a FAILED"), HasSubstr("bot")));
  EXPECT_THAT(Names(), testing::ElementsAre("b"));
  EXPECT_EQ(Run({"session", "import", "--all", bots_, "--take-lease", "--steal"}).code, kOk);
  EXPECT_THAT(Names(), testing::ElementsAre("a", "b"));
  EXPECT_EQ(Lease("a")["owner"], "");
}

TEST_F(CliImportTest, ASignalEndsAfterTheSessionThatIsUnderWay) {
  constexpr int kSessions = 1000;
  for (int i = 0; i < kSessions; ++i) Bot(absl::StrCat("bot-", i));
  const CliResult interrupted =
      cli_->Bash(absl::StrCat("authstatectl session import --all ", bots_, " > ", directory_.File("out"),
                              " & import=$!\n", "until grep -q imported ", directory_.File("out"),
                              "; do sleep 0.01; done\n", "kill -TERM $import; wait $import"));
  ASSERT_EQ(interrupted.code, kInterrupted) << interrupted.err;
  EXPECT_THAT(interrupted.err, AllOf(HasSubstr("not begun"), HasSubstr("run it again to finish it")));
  const std::size_t done = Names().size();
  EXPECT_THAT(interrupted.err, HasSubstr(absl::StrCat("imported ", done, " session")));
  EXPECT_LT(done, kSessions);
  const CliResult finished = Run({"session", "import", "--all", bots_});
  ASSERT_EQ(finished.code, kOk) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr(absl::StrCat(done, " held it already")));
  EXPECT_EQ(Names().size(), kSessions);
}

TEST_F(CliImportTest, WhatWasKilledIsFinishedByTheSameCommand) {
  Bot("a");
  for (int i = 0; i < 5; ++i) {
    File(absl::StrCat("bots/a/session-", i, ".0.json"), absl::StrCat("\"", std::string(kMaxValueBytes - 2, 'x'), "\""));
  }
  // It may be too quick for the signal, and then is tried again.
  const CliResult killed = cli_->Bash(
      absl::StrCat("for attempt in {1..20}; do\n", "  authstatectl session import --all ", bots_, " & import=$!\n",
                   "  until [[ $(authstatectl session list --json) == *'\"a\"'* ]]; do :; done\n",
                   "  kill -KILL $import; wait $import\n",
                   "  [[ $(authstatectl session list --json) == *'\"has_creds\":false'* ]] && exit 0\n",
                   "  authstatectl session delete a --yes\n", "done; exit 1"));
  ASSERT_EQ(killed.code, 0) << killed.err;
  EXPECT_EQ(Run({"session", "import", "--all", bots_}).code, kOk);
  EXPECT_EQ(Sessions()[0]["key_count"], 6);
  EXPECT_EQ(Run({"creds", "get", "a"}).out, test::WorkingCreds("a") + "\n");
}

TEST_F(CliImportTest, WhatIsAskedForHasToBeOneThing) {
  Bot("a");
  EXPECT_EQ(Run({"session", "import", "demo"}).code, kRefused);
  EXPECT_EQ(Run({"session", "import", "--all", bots_, "--fence", "1"}).code, kRefused);
  EXPECT_EQ(Run({"session", "import", "demo", bots_ + "/a", "--from", "whatsmeow"}).code, kRefused);
  EXPECT_THAT(Sessions(), IsEmpty());
}

}  // namespace
}  // namespace authstate
