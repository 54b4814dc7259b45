// authstated with a keyring, as a process: where the keyring may come from, what is refused, and that nothing of what
// it keeps stands in its files or its output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using test::TestServer;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kKeyringExit = 10;
const std::string kText = absl::StrCat("active k; key k ", std::string(64, 'c'));
constexpr char kCanary[] = "canaryInTheCreds";

std::string TextOf(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class EncryptionTest : public testing::Test {
 protected:
  std::vector<std::string> Arguments(std::vector<std::string> more) const {
    more.insert(more.end(), {"--sqlite-path", directory_.File("authstate.db")});
    return more;
  }

  // Writes creds by a server, which then has ended; its output.
  std::string Serve(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    auto server = TestServer::Create({Arguments(std::move(arguments)), std::move(environment)});
    if (!server.ok()) {
      ADD_FAILURE() << server.status();
      return "";
    }
    const CliRunner cli((*server)->address());
    const std::string creds = absl::StrCat(R"({"me":")", kCanary, R"("})");
    EXPECT_EQ(cli.Run({"creds", "set", "s", creds}).code, kOk);
    EXPECT_THAT(cli.Run({"creds", "get", "s"}).out, HasSubstr(kCanary));
    EXPECT_TRUE((*server)->Terminate().ok());
    const Subprocess& process = (*server)->process();
    return process.output(Subprocess::Stream::kStderr) + process.output(Subprocess::Stream::kStdout);
  }

  // The one line of a server that does not start.
  std::string WhyNot(std::vector<std::string> arguments) {
    arguments = Arguments(std::move(arguments));
    arguments.insert(arguments.begin(), {test::ProgramPath("authstated"), "--listen", "127.0.0.1:0"});
    auto process = Subprocess::Start({arguments, {}});
    EXPECT_TRUE(process.ok()) << process.status();
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit.ok() ? exit->code : -1, kKeyringExit);
    EXPECT_EQ((*process)->output(Subprocess::Stream::kStdout), "") << "it was never ready";
    return (*process)->output(Subprocess::Stream::kStderr);
  }

  // Made by authstatectl.
  std::string NewKeyring(const std::string& name, const std::string& id = "k") {
    std::string path = directory_.File(name);
    const CliResult made = CliRunner("").Run({"keyring", "init", path, id});
    EXPECT_EQ(made.code, kOk) << made.err;
    return path;
  }

  // What sqlite3 says of the file.
  std::string Sqlite(const std::string& sql) const {
    auto sqlite = Subprocess::Start({{"sqlite3", directory_.File("authstate.db"), sql}, {}});
    EXPECT_TRUE(sqlite.ok()) << sqlite.status();
    const auto exit = (*sqlite)->Wait(kPatience);
    EXPECT_TRUE(exit.ok() && exit->code == 0) << (*sqlite)->output(Subprocess::Stream::kStderr);
    return (*sqlite)->output(Subprocess::Stream::kStdout);
  }

  // The session s, and copies of it that sort before it; plain.
  void MakeSessions(int count) {
    Serve({});
    auto plain = TestServer::Create({Arguments({}), {}});
    ASSERT_TRUE(plain.ok()) << plain.status();
    for (int i = 1; i < count; ++i) {
      EXPECT_EQ(CliRunner((*plain)->address()).Run({"session", "copy", "s", absl::StrCat("copy", i)}).code, kOk);
    }
  }

  std::unique_ptr<Subprocess> StartRewrap(const std::string& keyring, std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {
        test::ProgramPath("authstatectl"), "keyring", "rewrap", "--keyring-file", keyring, "--sqlite-path",
        directory_.File("authstate.db"),   "--json"};
    argv.insert(argv.end(), more.begin(), more.end());
    auto rewrap = Subprocess::Start({std::move(argv), {}});
    EXPECT_TRUE(rewrap.ok()) << rewrap.status();
    return *std::move(rewrap);
  }
  static nlohmann::json ReportOf(Subprocess& rewrap) {
    const auto exit = rewrap.Wait(kPatience);
    EXPECT_TRUE(exit.ok() && exit->code == kOk) << rewrap.output(Subprocess::Stream::kStderr);
    return nlohmann::json::parse(rewrap.output(Subprocess::Stream::kStdout), nullptr, /*allow_exceptions=*/false);
  }

  // Writes and reads the session s while its file is worked on.
  static void UseUntilTheEndOf(Subprocess& rewrap, const TestServer& server) {
    const CliRunner cli(server.address());
    bool ended = false;
    for (int round = 0; !ended; ++round) {
      ended = rewrap.Wait(absl::ZeroDuration()).ok();
      EXPECT_EQ(cli.Run({"keys", "set", "s", "session", "1", absl::StrCat(round)}).code, kOk);
      EXPECT_EQ(cli.Run({"keys", "get", "s", "session", "1"}).out, absl::StrCat(round, "\n"));
      EXPECT_THAT(cli.Run({"creds", "get", "s"}).out, HasSubstr(kCanary));
    }
  }

  bool FilesHold(const std::string& text) const {
    for (const char* const suffix : {"", "-wal", "-shm"}) {
      if (absl::StrContains(TextOf(directory_.File(absl::StrCat("authstate.db", suffix))), text)) return true;
    }
    return false;
  }

  test::TempDir directory_;
};

TEST_F(EncryptionTest, WithoutAKeyringTheFileShowsWhatItKeeps) {
  EXPECT_THAT(Serve({}), HasSubstr(R"("encryption":"off")"));
  EXPECT_TRUE(FilesHold(kCanary)) << "or the tests below show nothing";
}

TEST_F(EncryptionTest, WithOneNeitherFilesNorOutputDo) {
  const std::string path = NewKeyring("keyring");
  const std::string output = Serve({"--keyring-file", path, "--log-level", "debug"});
  EXPECT_THAT(output, HasSubstr(R"("encryption":"on, under the key k")"));
  EXPECT_FALSE(FilesHold(kCanary));
  EXPECT_THAT(output, Not(HasSubstr(kCanary)));
  const std::string text = TextOf(path);
  const std::string digits = text.substr(text.rfind(' ') + 1, 64);
  EXPECT_THAT(output, Not(HasSubstr(digits)));
  EXPECT_FALSE(FilesHold(digits));
}

TEST_F(EncryptionTest, KeyringMayComeFromACommandACredentialOrTheEnvironment) {
  std::ofstream(directory_.File("authstate.keyring")) << kText;
  ASSERT_EQ(chmod(directory_.File("authstate.keyring").c_str(), 0400), 0);
  for (const auto& [arguments, environment] : {
           std::pair<std::vector<std::string>, std::vector<std::string>>(
               {"--keyring-command", absl::StrCat("echo '", kText, "'")}, {}),
           {{}, {absl::StrCat("CREDENTIALS_DIRECTORY=", directory_.path())}},
           {{}, {absl::StrCat("AUTHSTATE_KEYRING=", kText)}},
       }) {
    const std::string output = Serve(arguments, environment);
    EXPECT_THAT(output, HasSubstr(R"("encryption":"on, under the key k")"));
    EXPECT_THAT(output, Not(HasSubstr("cccc")));
    const bool warned = absl::StrContains(output, "the keyring is in AUTHSTATE_KEYRING");
    EXPECT_EQ(warned, !environment.empty() && absl::StartsWith(environment[0], "AUTHSTATE_KEYRING"));
  }
  EXPECT_FALSE(FilesHold(kCanary));
}

TEST_F(EncryptionTest, TheKeyringOfTheEnvironmentIsKeptFromChildProcesses) {
  const std::string seen = directory_.File("environment");
  Serve({"--keyring-command", absl::StrCat("env > ", seen, "; echo '", kText, "'")},
        {absl::StrCat("AUTHSTATE_KEYRING=", kText), "AUTHSTATE_OTHER=seen"});
  EXPECT_THAT(TextOf(seen), HasSubstr("AUTHSTATE_OTHER=seen"));
  EXPECT_THAT(TextOf(seen), Not(HasSubstr("AUTHSTATE_KEYRING")));
}

TEST_F(EncryptionTest, HiddenKeyIdsAreInNoFile) {
  const std::string path = NewKeyring("keyring");
  const char kPhone[] = "5511999998888";
  for (const bool hidden : {false, true}) {
    std::filesystem::remove(directory_.File("authstate.db"));
    std::filesystem::remove(directory_.File("authstate.db.made"));
    std::vector<std::string> arguments = Arguments({"--keyring-file", path});
    if (hidden) arguments.emplace_back("--hide-key-ids");
    auto server = TestServer::Create({arguments, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    const CliRunner cli((*server)->address());
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(cli.Run({"keys", "set", "s", "session", absl::StrCat(kPhone, ".", i), "{}"}).code, kOk);
    }
    const std::string list = cli.Run({"keys", "list", "s"}).out;
    for (int i = 0; i < 10; ++i) EXPECT_THAT(list, HasSubstr(absl::StrCat(kPhone, ".", i)));
    // What is copied is compared, whatever order it comes in.
    const CliResult copied = cli.Run({"session", "copy", "s", "t"});
    EXPECT_EQ(copied.code, kOk) << copied.err;
    EXPECT_TRUE((*server)->Terminate().ok());
    EXPECT_EQ(FilesHold(kPhone), !hidden);
    EXPECT_THAT(CliRunner("").Run({"keyring", "status", "--sqlite-path", directory_.File("authstate.db")}).out,
                HasSubstr(hidden ? "hidden" : "as they are"));
  }
  EXPECT_THAT(WhyNot({"--hide-key-ids"}), HasSubstr("--hide-key-ids needs a keyring"));
}

TEST_F(EncryptionTest, WrongOrMissingKeyringIsToldInOneLineAndTheStoreIsLeftAlone) {
  const std::string path = NewKeyring("keyring");
  Serve({"--keyring-file", path});
  EXPECT_THAT(WhyNot({}), HasSubstr("the store is encrypted, under the key \"k\""));
  EXPECT_THAT(WhyNot({"--keyring-file", NewKeyring("another")}), HasSubstr("is not the one of that id"));
  EXPECT_THAT(WhyNot({"--keyring-file", NewKeyring("other", "j")}), HasSubstr("which the keyring lacks"));
  EXPECT_THAT(WhyNot({"--keyring-file", directory_.File("none")}), HasSubstr("none: cannot be read"));
  EXPECT_THAT(WhyNot({"--keyring-command", "exit 1"}), HasSubstr("exited with code 1"));
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_THAT(WhyNot({"--keyring-file", path}), HasSubstr("has mode 0644"));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  Serve({"--keyring-file", path});
}

TEST_F(EncryptionTest, KeyIsAddedAndThenMadeActive) {
  const std::string path = NewKeyring("keyring", "old");
  Serve({"--keyring-file", path});
  const CliRunner cli("");
  EXPECT_EQ(cli.Run({"keyring", "add", path, "new"}).code, kOk);
  EXPECT_THAT(Serve({"--keyring-file", path}), HasSubstr("under the key old"));
  EXPECT_EQ(cli.Run({"keyring", "activate", path, "new"}).code, kOk);
  EXPECT_THAT(Serve({"--keyring-file", path}), HasSubstr("under the key new"));
  EXPECT_EQ(cli.Run({"keyring", "activate", path, "gone"}).code, kNotFound);
  EXPECT_EQ(cli.Run({"keyring", "init", path, "new"}).code, kRefused) << "a keyring is never replaced";
}

TEST_F(EncryptionTest, SessionsFromBeforeAreEncryptedByTheCommandLine) {
  Serve({});
  ASSERT_TRUE(FilesHold(kCanary));
  const std::string path = NewKeyring("keyring", "old");
  Serve({"--keyring-file", path});
  const CliRunner cli("");
  const std::vector<std::string> database = {"--sqlite-path", directory_.File("authstate.db")};
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), database.begin(), database.end());
    return cli.Run(std::move(arguments));
  };
  EXPECT_EQ(run({"keyring", "status", "--json"}).OutJson()["plain"], 1);
  const CliResult sealed = run({"keyring", "rewrap", "--keyring-file", path, "--json"});
  EXPECT_EQ(sealed.code, kOk) << sealed.err;
  EXPECT_EQ(sealed.OutJson()["encrypted"], 1);
  const nlohmann::json status = run({"keyring", "status", "--json"}).OutJson();
  EXPECT_EQ(status["plain"], 0);
  EXPECT_EQ(status["keys"]["old"], 1);
  EXPECT_THAT(run({"keyring", "status"}).out, HasSubstr("VACUUM"));
  Sqlite("VACUUM");
  EXPECT_FALSE(FilesHold(kCanary));

  EXPECT_EQ(cli.Run({"keyring", "add", path, "new"}).code, kOk);
  EXPECT_EQ(cli.Run({"keyring", "activate", path, "new"}).code, kOk);
  EXPECT_EQ(run({"keyring", "rewrap", "--keyring-file", path}).code, kRefused) << "no server has that key active yet";
  Serve({"--keyring-file", path});
  EXPECT_THAT(run({"keyring", "rewrap", "--keyring-file", path}).out, HasSubstr("no session is under the key old"));
  EXPECT_EQ(cli.Run({"keyring", "deactivate", path}).code, kOk);
  EXPECT_THAT(Serve({"--keyring-file", path}), HasSubstr(R"("encryption":"off for new sessions")"));
  EXPECT_EQ(run({"keyring", "rewrap", "--keyring-file", path}).code, kRefused) << "that wants a --yes";
  EXPECT_EQ(run({"keyring", "rewrap", "--keyring-file", path, "--yes"}).code, kOk);
  EXPECT_THAT(Serve({}), HasSubstr(R"("encryption":"off")"));
}

TEST_F(EncryptionTest, ServerOfAFileGoesOnWhileItsSessionsAreEncryptedAndOpenedAgain) {
  constexpr int kSessions = 20;
  ASSERT_NO_FATAL_FAILURE(MakeSessions(kSessions));
  const std::string path = NewKeyring("keyring");
  auto server = TestServer::Create({Arguments({"--keyring-file", path}), {}});
  ASSERT_TRUE(server.ok()) << server.status();
  auto rewrap = StartRewrap(path);
  UseUntilTheEndOf(*rewrap, **server);
  EXPECT_EQ(ReportOf(*rewrap)["encrypted"], kSessions);
  EXPECT_EQ(Sqlite("SELECT count(*) FROM auth_sessions WHERE data_key IS NULL"), "0\n");

  ASSERT_EQ(CliRunner("").Run({"keyring", "deactivate", path}).code, kOk);
  ASSERT_TRUE((*server)->Terminate().ok());
  ASSERT_TRUE((*server)->Restart().ok());
  rewrap = StartRewrap(path, {"--yes"});
  UseUntilTheEndOf(*rewrap, **server);
  EXPECT_EQ(ReportOf(*rewrap)["opened"], kSessions);
  EXPECT_EQ(Sqlite("SELECT count(*) FROM auth_sessions WHERE data_key IS NOT NULL"), "0\n");
  ASSERT_TRUE((*server)->Terminate().ok());
  EXPECT_THAT(Serve({}), HasSubstr(R"("encryption":"off")"));
}

TEST_F(EncryptionTest, RewrapThatIsKilledWithinASessionLeavesThatAsItWasAndGoesOnFromThere) {
  constexpr int kSessions = 6;
  ASSERT_NO_FATAL_FAILURE(MakeSessions(kSessions));
  const std::string path = NewKeyring("keyring");
  Serve({"--keyring-file", path});
  // In the middle of the fourth of them it comes to no end.
  Sqlite(
      "CREATE TRIGGER hold BEFORE UPDATE ON auth_creds WHEN NEW.session_id = 'copy4' BEGIN "
      "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END");
  const std::string encrypted = "SELECT count(*) FROM auth_sessions WHERE data_key IS NOT NULL";
  const std::string values = "SELECT group_concat(hex(value)) FROM auth_creds WHERE session_id = 'copy4'";
  const std::string before = Sqlite(values);
  const auto killed = StartRewrap(path);
  while (killed->running() && Sqlite(encrypted) != "3\n") {
  }
  killed->Signal(SIGKILL);
  ASSERT_EQ((*killed->Wait(kPatience)).signal, SIGKILL);
  Sqlite("DROP TRIGGER hold");
  EXPECT_EQ(Sqlite(encrypted), "3\n");
  EXPECT_EQ(Sqlite(values), before);
  EXPECT_EQ(ReportOf(*StartRewrap(path))["encrypted"], kSessions - 3);
  EXPECT_THAT(Serve({"--keyring-file", path}), HasSubstr("under the key k"));
}

TEST_F(EncryptionTest, TokenOfAnEncryptedStoreIsMadeWithoutItsKeyring) {
  const std::string path = NewKeyring("keyring");
  Serve({"--keyring-file", path});
  const CliResult made = CliRunner("").Run(
      {"token", "create", "--read", "--all-sessions", "--quiet", "--sqlite-path", directory_.File("authstate.db")});
  EXPECT_EQ(made.code, kOk) << made.err;
  EXPECT_THAT(made.out, HasSubstr("as_"));
}

TEST_F(EncryptionTest, CommandIsNotShownAmongTheOptions) {
  auto process = Subprocess::Start(
      {{test::ProgramPath("authstated"), "--keyring-command", "echo --password=secret", "--print-config"}, {}});
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_TRUE((*process)->Wait(kPatience).ok());
  const std::string shown = (*process)->output(Subprocess::Stream::kStdout);
  EXPECT_THAT(shown, HasSubstr("keyring-command = \"***\""));
  EXPECT_THAT(shown, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace authstate
