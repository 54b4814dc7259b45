// authstatectl against a real authstated on SQLite: every command, its output for people and for programs, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/integration/cli_test.h"
#include "tests/support/machine.h"
#include "tests/support/subprocess.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class CliCommandTest : public CliTest {
 protected:
  // A session `demo` with creds, a JSON key and a Buffer key, at revision 3.
  void MakeSession() {
    MustRun({"creds", "set", "demo", R"({"me":"secret-creds"})"});
    MustRun({"keys", "set", "demo", "pre-key", "5", R"({"public":"secret-key"})"});
    MustRun({"keys", "set", "demo", "sender-key", "g@g.us::1::0", "raw bytes", "--raw"});
  }
};

TEST_F(CliCommandTest, HelpHasExamplesAndExitCodes) {
  const CliResult result = Run({"--help"});
  EXPECT_EQ(result.code, kOk);
  EXPECT_THAT(result.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit codes:"), HasSubstr("AUTHSTATE_ADDRESS")));
}

TEST_F(CliCommandTest, VersionIsOneLine) {
  EXPECT_THAT(Run({"--version"}).out, MatchesRegex("authstatectl [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(CliCommandTest, WrongUsageIsOneLineAndExitCode2) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"bogus"},
                                                       {"session"},
                                                       {"session", "show"},
                                                       {"session", "list", "extra"},
                                                       {"--timeout", "3", "session", "list"},
                                                       {"--timeout", "-1s", "session", "list"},
                                                       {"session", "delete", "x", "--expected-revision", "one"},
                                                       {"completion", "fish"}};
  for (const auto& arguments : wrong) {
    const CliResult result = Run(arguments);
    EXPECT_EQ(result.code, kUsage) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST_F(CliCommandTest, UnknownCommandsAndOptionsAreNamedInTheirOrder) {
  EXPECT_THAT(Run({"session", "remove", "demo", "now"}).err, HasSubstr("not known here: remove, and 2 words that no"));
  EXPECT_THAT(Run({"server", "info", "--of=1", "--two"}).err, HasSubstr("not known here: --of --two;"));
  EXPECT_THAT(Run({"bogus", "command"}).err, HasSubstr("not known here: bogus command;"));
}

TEST_F(CliCommandTest, NoWordIsQuotedWhereverItSlippedIn) {
  const std::vector<std::vector<std::string>> slips = {
      {"schema", "status", "--postgres-pasword=s3cret"},
      {"schema", "status", "--postgres-pasword", "s3cret"},
      {"schema", "status", "-ps3cret"},
      {"schema", "status", "--postgres-connections=s3cret"},
      {"schema", "status", "--postgres-pooler=s3cret"},
      {"schema", "down", "--to=s3cret", "--yes"},
      {"schema", "down", "--to=1", "--yes=s3cret"},
      {"creds", "set", "s", R"({"noiseKey":)", R"("s3cret"})"},
      {"keys", "set", "s", "pre-key", "1", R"({"public":)", R"("s3cret"})"},
      {"lease", "renew", "s", "--fence=s3cret"},
      {"lease", "acquire", "s", "--owner", "me", "--ttl=s3cret"},
      {"completion", "s3cret"},
      {"--timeout=s3cret", "session", "list"},
      {"--json=s3cret", "session", "list"}};
  for (const auto& arguments : slips) {
    const CliResult result = Run(arguments);
    EXPECT_EQ(result.code, kUsage) << testing::PrintToString(arguments);
    EXPECT_THAT(result.err, Not(HasSubstr("s3cret"))) << testing::PrintToString(arguments);
  }
  const CliResult in_environment = cli_->Bash("AUTHSTATE_POSTGRES_CONNECTIONS=s3cret authstatectl schema status");
  EXPECT_EQ(in_environment.code, kRefused);
  EXPECT_THAT(in_environment.err, AllOf(HasSubstr("--postgres-connections: a whole number"), Not(HasSubstr("s3cret"))));
}

TEST_F(CliCommandTest, NumbersAreRefusedWithTheirRangeAndNothingChanges) {
  ASSERT_EQ(Run({"keys", "set", "s", "pre-key", "1", "1"}).code, kOk);
  const std::string before = Run({"session", "show", "s"}).out;
  const std::string fence = "--fence: a whole number from 1 to 9223372036854775807 is expected";
  const std::string revision = "--expected-revision: a whole number from 0 to 9223372036854775807 is expected";
  const std::vector<std::pair<std::vector<std::string>, std::string>> options = {
      {{"keys", "set", "s", "pre-key", "1", "2", "--fence"}, fence},
      {{"keys", "set", "s", "pre-key", "1", "2", "--expected-revision"}, revision},
      {{"keys", "delete", "s", "pre-key", "1", "--fence"}, fence},
      {{"keys", "delete", "s", "pre-key", "1", "--expected-revision"}, revision},
      {{"creds", "set", "s", "1", "--fence"}, fence},
      {{"creds", "set", "s", "1", "--expected-revision"}, revision},
      {{"session", "delete", "s", "--yes", "--fence"}, fence},
      {{"session", "delete", "s", "--yes", "--expected-revision"}, revision},
      {{"lease", "renew", "s", "--fence"}, fence},
      {{"lease", "release", "s", "--fence"}, fence},
      {{"schema", "down", "--yes", "--to"}, "--to: a whole number from 0 to 4294967295 is expected"}};
  for (const std::string word : {"-1", "1x", "", "18446744073709551616", "18446744073709551615", "01"}) {
    for (const auto& [command, part] : options) {
      std::vector<std::string> arguments = command;
      arguments.push_back(word);
      const CliResult result = Run(arguments);
      EXPECT_EQ(result.code, kUsage) << testing::PrintToString(arguments);
      EXPECT_THAT(result.err, HasSubstr(part)) << testing::PrintToString(arguments);
    }
  }
  EXPECT_EQ(Run({"session", "show", "s"}).out, before);
}

TEST_F(CliCommandTest, AddressesThatCannotBeOneAreRefusedAtOnce) {
  for (const std::string address : {"http://127.0.0.1:50051", "127.0.0.1", "localhost:grpc"}) {
    const CliResult result = Run({"--address", address, "session", "list"});
    EXPECT_EQ(result.code, kUsage) << address;
    EXPECT_THAT(result.err, HasSubstr("host:port, as in 127.0.0.1:50051")) << address;
  }
  const CliResult in_environment = cli_->Bash("AUTHSTATE_ADDRESS=http://x:1 authstatectl session list");
  EXPECT_EQ(in_environment.code, kUsage);
}

TEST_F(CliCommandTest, HostThatDoesNotExistIsSaidAndNotWaitedFor) {
  // A label of 64 bytes is no name, which every resolver knows by itself.
  const std::string address = std::string(64, 'x') + ".invalid:50051";
  const CliResult result = Run({"--address", address, "session", "list"});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, AllOf(HasSubstr("no host of the name"), HasSubstr("AUTHSTATE_ADDRESS"), HasSubstr(address)));
}

TEST_F(CliCommandTest, CredsComeBackAsTheyWereGiven) {
  const std::string creds = R"({"n":1e400,"key":{"type":"Buffer","data":"AQI="},"odd":"\ud800"})";
  EXPECT_EQ(Run({"creds", "set", "demo", creds}).out, "session demo is at revision 1\n");
  EXPECT_EQ(Run({"creds", "get", "demo"}).out, creds + "\n");
}

TEST_F(CliCommandTest, SessionsMayBeCalledAsCommandsAre) {
  for (const std::string name : {"list", "get", "creds", "session"}) {
    EXPECT_EQ(Run({"creds", "set", name, "{}"}).code, kOk);
    EXPECT_EQ(Run({"creds", "get", name}).out, "{}\n");
    EXPECT_EQ(Run({"session", "show", name}).code, kOk);
  }
}

TEST_F(CliCommandTest, CredsAsJsonCarryTheRevision) {
  EXPECT_EQ(Run({"--json", "creds", "set", "demo", "{}"}).OutJson()["revision"], 1);
  const CliResult result = Run({"creds", "get", "demo", "--json"});
  EXPECT_EQ(result.OutJson(), nlohmann::json::parse(R"({"session_id":"demo","revision":1,"creds":{}})"));
}

TEST_F(CliCommandTest, ValuesComeFromFilesAndStandardInputToo) {
  std::ofstream(directory_.File("creds.json")) << R"({"from":"file"})";
  MustRun({"creds", "set", "demo", absl::StrCat("@", directory_.File("creds.json"))});
  EXPECT_EQ(Run({"creds", "get", "demo"}).out, "{\"from\":\"file\"}\n");
  EXPECT_EQ(cli_->Bash(R"(echo '{"from":"stdin"}' | authstatectl creds set demo -)").code, kOk);
  EXPECT_EQ(Run({"creds", "get", "demo"}).out, "{\"from\":\"stdin\"}\n");
}

TEST_F(CliCommandTest, BadValuesAreRefusedAndNothingChanges) {
  MakeSession();
  const std::vector<std::vector<std::string>> refused = {
      {"creds", "set", "demo", "{"},
      {"creds", "set", "demo", "[]"},
      {"creds", "set", "demo", "@/nonexistent"},
      {"creds", "set", "not an id", "{}"},
      {"creds", "set", "demo", "{}", "--expected-revision", "9"},
      {"keys", "set", "demo", "pre-key", "5", R"({"type":"Buffer","data":"!"})"},
      {"keys", "set", "demo", "pre-key", "", "{}"},
      {"keys", "set", "demo", "pre-key", "5", "{}", "--expected-revision", "9"},
      {"keys", "delete", "demo", "pre-key", "5", "--expected-revision", "9"},
      {"keys", "get", "demo", "pre-key", "5", "--raw"},
      {"session", "delete", "demo", "--yes", "--expected-revision", "9"}};
  for (const auto& arguments : refused) {
    const CliResult result = Run(arguments);
    EXPECT_EQ(result.code, kRefused) << testing::PrintToString(arguments) << result.err;
    EXPECT_THAT(result.err, AllOf(StartsWith("authstatectl: "), Not(HasSubstr("secret"))));
  }
  EXPECT_EQ(Run({"session", "show", "demo", "--json"}).OutJson()["revision"], 3);
}

TEST_F(CliCommandTest, WhatIsNotThereIsExitCode3) {
  MustRun({"keys", "set", "keys-only", "pre-key", "5", "{}"});
  const std::vector<std::vector<std::string>> absent = {{"session", "show", "demo"},
                                                        {"session", "delete", "demo", "--yes"},
                                                        {"creds", "get", "demo"},
                                                        {"creds", "get", "keys-only"},
                                                        {"keys", "list", "demo"},
                                                        {"keys", "get", "demo", "pre-key", "5"},
                                                        {"session", "export", "demo", directory_.File("out")}};
  for (const auto& arguments : absent) {
    EXPECT_EQ(Run(arguments).code, kNotFound) << testing::PrintToString(arguments);
  }
}

TEST_F(CliCommandTest, ServerThatIsAwayIsExitCode5AndNamed) {
  ASSERT_TRUE(server_->Kill().ok());
  const CliResult result = Run({"--timeout", "300ms", "session", "list"});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, AllOf(HasSubstr(server_->address()), HasSubstr("--address"), HasSubstr("authstated")));
}

TEST_F(CliCommandTest, ErrorsNameFieldAndRequest) {
  const CliResult result = Run({"creds", "get", "not an id"});
  EXPECT_THAT(result.err, MatchesRegex("authstatectl: INVALID_ARGUMENT: .*\\(field session_id, request .+\\)\n"));
  const nlohmann::json error = Run({"creds", "get", "not an id", "--json"}).ErrJson()["error"];
  EXPECT_EQ(error["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(error["reason"], "INVALID_FIELD");
  EXPECT_EQ(error["field"], "session_id");
  EXPECT_NE(error["request_id"], "");
}

TEST_F(CliCommandTest, SessionsAreListed) {
  MakeSession();
  MustRun({"keys", "set", "other", "pre-key", "5", "{}"});
  EXPECT_THAT(Run({"session", "list"}).out,
              MatchesRegex("SESSION +REVISION.*\ndemo +3 +yes +2 .*\nother +1 +no +1 .*\n"));
  EXPECT_EQ(Run({"session", "list", "--quiet"}).out, "demo\nother\n");
  EXPECT_EQ(Run({"session", "list", "-q", "--prefix", "o"}).out, "other\n");
  const nlohmann::json sessions = Run({"session", "list", "--json"}).OutJson()["sessions"];
  ASSERT_EQ(sessions.size(), 2U);
  EXPECT_EQ(sessions[0]["session_id"], "demo");
  EXPECT_EQ(sessions[0]["key_count"], 2);
  EXPECT_EQ(sessions[1]["has_creds"], false);
}

TEST_F(CliCommandTest, ShowAndListTellSizesAndNoValues) {
  MakeSession();
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"session", "show", "demo"}, {"keys", "list", "demo"}}) {
    std::vector<std::string> as_json = command;
    as_json.emplace_back("--json");
    for (const CliResult& result : {Run(command), Run(as_json)}) {
      EXPECT_THAT(result.out, AllOf(HasSubstr("pre-key"), Not(HasSubstr("secret")), Not(HasSubstr("raw bytes"))));
    }
  }
  const nlohmann::json shown = Run({"session", "show", "demo", "--json"}).OutJson();
  EXPECT_EQ(shown["keys"][1], nlohmann::json::parse(R"({"type":"sender-key","count":1,"bytes":9})"));
}

TEST_F(CliCommandTest, KeysAreListedByType) {
  MakeSession();
  EXPECT_EQ(Run({"keys", "list", "demo", "sender-key"}).out,
            "TYPE        ID            KIND  BYTES\nsender-key  g@g.us::1::0  raw   9\n");
}

TEST_F(CliCommandTest, KeyIdsDoNotSteerTheTerminal) {
  MustRun({"keys", "set", "demo", "pre-key", "\x1b[2J", "{}"});
  EXPECT_THAT(Run({"keys", "list", "demo"}).out, AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b"))));
}

TEST_F(CliCommandTest, KeysAreReadOneOrSeveral) {
  MakeSession();
  MustRun({"keys", "set", "demo", "pre-key", "6", "6"});
  EXPECT_EQ(Run({"keys", "get", "demo", "pre-key", "6"}).out, "6\n");
  EXPECT_EQ(Run({"keys", "get", "demo", "pre-key", "6", "5"}).out, "6\t6\n5\t{\"public\":\"secret-key\"}\n");
  const CliResult one_absent = Run({"keys", "get", "demo", "pre-key", "6", "7", "--json"});
  EXPECT_EQ(one_absent.code, kNotFound);
  EXPECT_EQ(one_absent.OutJson()["keys"], nlohmann::json::parse(R"([{"type":"pre-key","id":"6","value":6}])"));
  EXPECT_EQ(one_absent.OutJson()["absent"], nlohmann::json::parse(R"([{"type":"pre-key","id":"7"}])"));
}

TEST_F(CliCommandTest, BuffersAreReadAsTextOrRaw) {
  MakeSession();
  EXPECT_EQ(Run({"keys", "get", "demo", "sender-key", "g@g.us::1::0"}).out,
            "{\"type\":\"Buffer\",\"data\":\"cmF3IGJ5dGVz\"}\n");
  EXPECT_EQ(Run({"keys", "get", "demo", "sender-key", "g@g.us::1::0", "--raw"}).out, "raw bytes");
}

TEST_F(CliCommandTest, KeysAreDeleted) {
  MakeSession();
  EXPECT_EQ(Run({"keys", "delete", "demo", "pre-key", "5", "6"}).out,
            "deleted 1 of 2 keys; session demo is at revision 4\n");
  EXPECT_EQ(Run({"keys", "get", "demo", "pre-key", "5"}).code, kNotFound);
}

TEST_F(CliCommandTest, DeletingWhatIsNotThereChangesNothingAndSaysSo) {
  MakeSession();
  const CliResult result = Run({"keys", "delete", "demo", "pre-key", "*"});
  EXPECT_EQ(result.code, kOk);
  EXPECT_EQ(result.out, "deleted 0 of 1 key; session demo is at revision 3\n");
  EXPECT_THAT(result.err, AllOf(HasSubstr("* is an id like any other"), HasSubstr("keys list demo pre-key")));
  const nlohmann::json json = Run({"keys", "delete", "demo", "pre-key", "7", "--json"}).OutJson();
  EXPECT_EQ(json, nlohmann::json::parse(R"({"session_id":"demo","revision":3,"asked":1,"deleted":0})"));
  EXPECT_EQ(Run({"keys", "delete", "demo", "pre-key", "7", "--expected-revision", "2"}).code, kRefused);
}

TEST_F(CliCommandTest, CredsThatCannotWorkAreSaid) {
  const CliResult result = Run({"creds", "set", "demo", R"({"registered":true})"});
  EXPECT_EQ(result.code, kOk);
  EXPECT_THAT(result.err, HasSubstr("warning: Baileys cannot work with these creds: noiseKey.private is missing"));
  const CliResult json = Run({"creds", "set", "demo", "{}", "--json"});
  EXPECT_THAT(json.ErrJson()["warning"], HasSubstr("noiseKey.private"));
  EXPECT_EQ(Run({"creds", "set", "demo", test::WorkingCreds()}).err, "");
}

TEST_F(CliCommandTest, DeletingASessionNeedsYesWithoutATerminal) {
  MakeSession();
  EXPECT_EQ(Run({"session", "delete", "demo"}).code, kRefused);
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "demo\n");
  EXPECT_EQ(Run({"session", "delete", "demo", "--yes"}).out, "deleted session demo\n");
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "");
}

TEST_F(CliCommandTest, DeletingASessionAsksOnATerminal) {
  if (!test::MachineHasTerminals()) GTEST_SKIP() << "no terminal can be made here: /dev/pts is missing";
  MakeSession();
  const CliResult declined = cli_->Bash(R"(script -qec "authstatectl session delete demo" /dev/null <<< n)");
  EXPECT_EQ(declined.code, kRefused);
  EXPECT_THAT(declined.out, HasSubstr("Delete session demo, its creds and 2 keys?"));
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "demo\n");
  EXPECT_EQ(cli_->Bash(R"(script -qec "authstatectl session delete demo" /dev/null <<< y)").code, kOk);
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "");
}

TEST_F(CliCommandTest, ServerInfoShowsHealthAndLimits) {
  EXPECT_THAT(Run({"server", "info"}).out, AllOf(HasSubstr("serving  yes"), HasSubstr("sqlite")));
  const nlohmann::json server = Run({"server", "info", "--json"}).OutJson();
  EXPECT_EQ(server["serving"], true);
  EXPECT_EQ(server["limits"]["commit_operations"], 10'000);
}

TEST_F(CliCommandTest, ServerHealthIsToldByTheExitCodeToo) {
  EXPECT_EQ(Run({"server", "health"}).out, "serving\n");
  EXPECT_EQ(Run({"server", "health", "--json"}).OutJson()["serving"], true);
  // What no server can miss.
  ASSERT_EQ(std::rename(directory_.File("authstate.db").c_str(), directory_.File("away").c_str()), 0);
  CliResult result = Run({"server", "health"});
  while (result.code == kOk) result = Run({"server", "health"});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, HasSubstr("does not serve"));
}

TEST_F(CliCommandTest, StoreVerifyNamesWhatIsDamagedAndReadsOn) {
  MakeSession();
  MustRun({"keys", "set", "gone", "pre-key", "5", "{}"});
  MustRun({"keys", "set", "sound", "pre-key", "5", "{}"});
  const CliResult sound = Run({"store", "verify"});
  EXPECT_EQ(sound.code, kOk) << sound.err;
  EXPECT_THAT(sound.out, StartsWith("read 3 sessions with 4 keys and "));
  Sql("UPDATE auth_keys SET value = zeroblob(40) WHERE session_id = 'demo' AND key_type = 'pre-key'");
  Sql("DELETE FROM auth_keys WHERE session_id = 'gone'");
  const CliResult damaged = Run({"store", "verify"});
  EXPECT_EQ(damaged.code, kDataLoss);
  EXPECT_THAT(damaged.out,
              AllOf(HasSubstr("session demo: "), HasSubstr("session gone: "), HasSubstr("read 3 sessions")));
  EXPECT_THAT(damaged.err, HasSubstr("2 sessions damaged"));
  const nlohmann::json json = Run({"store", "verify", "--prefix", "g", "--json"}).OutJson();
  EXPECT_EQ(json["sessions"], 1);
  ASSERT_EQ(json["damaged"].size(), 1U);
  EXPECT_EQ(json["damaged"][0]["session_id"], "gone");
}

TEST_F(CliCommandTest, PurgeIsRefusedWhereNothingExpires) {
  const CliResult result = Run({"legacy", "purge-expired", "--types", "tctoken,device-list", "--dry-run"});
  EXPECT_EQ(result.code, kRefused);
  EXPECT_THAT(result.err, HasSubstr("keys do not expire"));
  EXPECT_THAT(result.err, Not(HasSubstr("may have been applied")));
}

TEST_F(CliCommandTest, OutputThatCannotBeWrittenIsAnError) {
  const CliResult result = cli_->Bash("authstatectl server info > /dev/full");
  EXPECT_EQ(result.code, kFailure);
  EXPECT_THAT(result.err, HasSubstr("cannot write the output"));
}

TEST_F(CliCommandTest, ReaderThatWentAwayIsNoError) {
  // A pipe whose one reader has closed its end.
  const CliResult result =
      cli_->Bash(absl::StrCat("mkfifo ", directory_.File("pipe"), "; exec 4<>", directory_.File("pipe"), " 5>",
                              directory_.File("pipe"), " 4>&-; authstatectl server info >&5"));
  EXPECT_EQ(result.code, kReaderGone);
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace authstate
