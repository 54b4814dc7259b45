// authstatectl token: through a server, and on a database that has none, of SQLite and of PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(120);
constexpr char kTokenForm[] = "as_[a-z2-7]{16}_[a-z2-7]{52}\n";
constexpr char kNobody[] = "aaaaaaaaaaaaaaaa";

// `authstatectl token`, where `place` says of which database or server.
class TokenCommand {
 public:
  explicit TokenCommand(std::vector<std::string> place) : place_(std::move(place)) {}

  // Shows this token with every call.
  void Show(std::string token) { environment_ = {"AUTHSTATE_TOKEN=" + std::move(token)}; }

  CliResult Run(std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {test::ProgramPath("authstatectl"), "token"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), place_.begin(), place_.end());
    CliResult result;
    auto process = Subprocess::Start({std::move(argv), environment_});
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return result;
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.ok()) << exit.status();
    result.code = exit.ok() ? exit->code.value_or(-1) : -1;
    result.out = (*process)->output(Subprocess::Stream::kStdout);
    result.err = (*process)->output(Subprocess::Stream::kStderr);
    return result;
  }
  nlohmann::json Json(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const CliResult result = Run(std::move(arguments));
    EXPECT_EQ(result.code, kOk) << result.err;
    return result.OutJson();
  }
  std::vector<std::string> Ids(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "list");
    std::vector<std::string> ids;
    const nlohmann::json listed = Json(std::move(arguments));
    for (const auto& token : listed["tokens"]) ids.push_back(token["id"]);
    return ids;
  }

 private:
  const std::vector<std::string> place_;
  std::vector<std::string> environment_;
};

std::string IdOf(const std::string& token) { return std::vector<std::string>(absl::StrSplit(token, '_'))[1]; }

// The life of tokens, as every place has it. `admin` is the id of the token that is shown meanwhile, or empty.
void ExpectWholeLife(const TokenCommand& command, const std::string& admin) {
  const CliResult created = command.Run({"create", "--label", "pool 1", "--rights", "read,write", "--session", "sales",
                                         "--prefix", "team:", "--expires-in", "90d", "--quiet"});
  ASSERT_EQ(created.code, kOk) << created.err;
  ASSERT_THAT(created.out, MatchesRegex(kTokenForm));
  const std::string id = IdOf(created.out);
  const std::string secret = created.out.substr(created.out.size() - 53, 52);

  nlohmann::json shown = command.Json({"show", id});
  EXPECT_EQ(shown["label"], "pool 1");
  EXPECT_EQ(shown["rights"], nlohmann::json({"read", "write"}));
  EXPECT_EQ(shown["sessions"], nlohmann::json({"sales"}));
  EXPECT_EQ(shown["prefixes"], nlohmann::json({"team:"}));
  EXPECT_EQ(shown["state"], "valid");
  EXPECT_TRUE(shown["expires"].is_string());
  EXPECT_TRUE(shown["revoked"].is_null());
  EXPECT_TRUE(shown["last_used"].is_null());
  for (const std::vector<std::string>& looking :
       std::vector<std::vector<std::string>>{{"show", id}, {"list"}, {"list", "--all", "--json"}}) {
    const CliResult result = command.Run(looking);
    EXPECT_EQ(result.code, kOk) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr(id), Not(HasSubstr(secret)))) << looking.front();
  }
  EXPECT_THAT(command.Run({"show", id}).out, AllOf(HasSubstr("rights     read, write\n"),
                                                   HasSubstr("sessions   sales, team:*\n"), HasSubstr("valid")));

  const nlohmann::json rotated = command.Json({"rotate", id});
  EXPECT_EQ(rotated["id"], id);
  EXPECT_THAT(std::string(rotated["bearer_token"]) + "\n", MatchesRegex(kTokenForm));
  EXPECT_NE(std::string(rotated["bearer_token"]) + "\n", created.out);
  EXPECT_EQ(rotated["expires"], shown["expires"]);

  EXPECT_THAT(command.Run({"revoke", id}).out, HasSubstr("revoked"));
  EXPECT_EQ(command.Json({"revoke", id})["state"], "revoked");
  EXPECT_THAT(command.Ids({}), Not(Contains(id)));
  EXPECT_THAT(command.Ids({"--all"}), Contains(id));
  const CliResult ended = command.Run({"rotate", id});
  EXPECT_EQ(ended.code, kRefused);
  EXPECT_THAT(ended.err, HasSubstr("has been revoked or has expired"));

  const nlohmann::json certificate = command.Json(
      {"create", "--certificate-name", "URI:spiffe://example/pool", "--read", "--all-sessions", "--label", "mTLS"});
  EXPECT_EQ(certificate["certificate_name"], "URI:spiffe://example/pool");
  EXPECT_EQ(certificate["prefixes"], nlohmann::json({""}));
  EXPECT_EQ(certificate["bearer_token"], "");
  EXPECT_EQ(command.Run({"rotate", certificate["id"]}).code, kRefused);
  EXPECT_THAT(command.Ids({}), SizeIs(admin.empty() ? 1 : 2));

  for (const char* const verb : {"show", "rotate", "revoke"}) {
    EXPECT_EQ(command.Run({verb, kNobody}).code, kNotFound) << verb;
    const CliResult malformed = command.Run({verb, "x"});
    EXPECT_EQ(malformed.code, kRefused) << verb;
    EXPECT_THAT(malformed.err, HasSubstr("id: is not the id of a token")) << verb;
  }
  const CliResult refused = command.Run({"create", "--read", "--session", "a b"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("scopes[0].session_id: has a byte outside [A-Za-z0-9._:@-]"));
}

class CliTokenTest : public testing::Test {
 protected:
  std::unique_ptr<test::TestServer> Serve() {
    auto server = test::TestServer::Create({{"--sqlite-path", file_}, {}});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  test::TempDir directory_;
  const std::string file_ = directory_.File("authstate.db");
  const TokenCommand offline_{{"--backend=sqlite", "--sqlite-path=" + file_}};
};

TEST_F(CliTokenTest, TokensLiveOnADatabaseWithoutAServer) { ExpectWholeLife(offline_, ""); }

TEST_F(CliTokenTest, TokensLiveOnAServer) {
  const CliResult admin = offline_.Run({"create", "--admin", "--quiet"});
  ASSERT_EQ(admin.code, kOk) << admin.err;
  const auto server = Serve();
  ASSERT_NE(server, nullptr);
  TokenCommand online({"--address", server->address()});
  online.Show(admin.out.substr(0, admin.out.size() - 1));
  ExpectWholeLife(online, IdOf(admin.out));
}

TEST_F(CliTokenTest, AFileThatAServerHasIsRefusedAndSaysSo) {
  const auto server = Serve();
  ASSERT_NE(server, nullptr);
  const CliResult refused = offline_.Run({"list"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("another process serves this file"));
}

TEST_F(CliTokenTest, TheConfigurationFileOfTheServerChoosesTheDatabase) {
  const std::string config = directory_.File("authstated.toml");
  std::ofstream(config) << "backend = \"sqlite\"\nsqlite-path = \"" << file_ << "\"\nlisten = \"127.0.0.1:1\"\n";
  const TokenCommand by_file({"--config", config});
  const CliResult created = by_file.Run({"create", "--read", "--all-sessions", "--quiet"});
  ASSERT_EQ(created.code, kOk) << created.err;
  EXPECT_THAT(created.err, HasSubstr("new, empty store at " + file_));
  EXPECT_THAT(offline_.Ids({}), testing::ElementsAre(IdOf(created.out)));
}

TEST_F(CliTokenTest, TheSecretIsShownOnceAndStandsInNoFile) {
  const CliResult created = offline_.Run({"create", "--read", "--all-sessions"});
  ASSERT_EQ(created.code, kOk) << created.err;
  EXPECT_THAT(created.out, AllOf(StartsWith("token "), HasSubstr("shown this once")));
  const std::string token = created.out.substr(created.out.find("as_"), 72);
  for (const std::string& file : {file_, file_ + "-wal"}) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    EXPECT_THAT(bytes, Not(HasSubstr(token.substr(token.size() - 52)))) << file;
  }
}

TEST_F(CliTokenTest, RightsAndSessionsHaveToBeSaid) {
  EXPECT_THAT(offline_.Run({"create", "--all-sessions"}).err, HasSubstr("say what the token may do: --read"));
  EXPECT_THAT(offline_.Run({"create", "--read"}).err, HasSubstr("say for which sessions: --session ID"));
  EXPECT_THAT(offline_.Run({"create", "--read", "--prefix", ""}).err, HasSubstr("every session is --all-sessions"));
  EXPECT_THAT(offline_.Run({"create", "--rights", "read,fly", "--all-sessions"}).err,
              HasSubstr("rights are expected, divided by commas"));
  EXPECT_EQ(offline_.Run({"create", "--admin", "--all-sessions"}).code, kRefused);
  EXPECT_THAT(offline_.Ids({"--all"}), SizeIs(0));
}

TEST_F(CliTokenTest, WhatIsDamagedIsSaidAndNoListIsShown) {
  const CliResult created = offline_.Run({"create", "--read", "--all-sessions", "--quiet"});
  ASSERT_EQ(created.code, kOk) << created.err;
  auto shell = Subprocess::Start({{"sqlite3", file_, "UPDATE auth_grants SET rights = 15"}, {}});
  ASSERT_TRUE(shell.ok() && (*shell)->Wait(kPatience).ok());
  const CliResult listed = offline_.Run({"list"});
  EXPECT_EQ(listed.code, kDataLoss);
  EXPECT_THAT(listed.err, HasSubstr(absl::StrCat("of the token ", IdOf(created.out), " is damaged")));
  EXPECT_EQ(listed.out, "");
}

class CliTokenPostgresTest : public test::PostgresTest {
 protected:
  TokenCommand Offline() const { return TokenCommand({"--backend=postgres", "--postgres-url=" + url()}); }
};

TEST_F(CliTokenPostgresTest, TokensLiveOnADatabaseWithoutAServer) { ExpectWholeLife(Offline(), ""); }

TEST_F(CliTokenPostgresTest, TokensLiveOnAServerAndBesideIt) {
  const CliResult admin = Offline().Run({"create", "--admin", "--quiet"});
  ASSERT_EQ(admin.code, kOk) << admin.err;
  const auto server = test::TestServer::Create({{"--backend=postgres", "--postgres-url=" + url()}, {}});
  ASSERT_TRUE(server.ok()) << server.status();
  TokenCommand online({"--address", (*server)->address()});
  online.Show(admin.out.substr(0, admin.out.size() - 1));
  ExpectWholeLife(online, IdOf(admin.out));
  EXPECT_EQ(online.Ids({"--all"}), Offline().Ids({"--all"}));
  EXPECT_EQ(Query("SELECT count(*) FROM authstate.auth_grants"), "3");
}

TEST_F(CliTokenPostgresTest, TheTokensOfTheOldTablesStandBesideThem) {
  ASSERT_TRUE(test::CreateLegacyTables(url(), test::LegacyTables::kPlain).ok());
  ExpectWholeLife(Offline(), "");
  EXPECT_EQ(Query("SELECT count(*) FROM authstate.legacy_grants"), "2");
}

}  // namespace
}  // namespace authstate
