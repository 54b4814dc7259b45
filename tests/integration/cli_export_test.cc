// authstatectl session export: of every session, and without what is secret, against a real authstated on SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/cli_test.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CliExportTest : public CliTest {
 protected:
  void MakeSession(const std::string& session_id) {
    MustRun({"creds", "set", session_id, test::WorkingCreds(session_id)});
    MustRun({"keys", "set", session_id, "pre-key", "1", R"({"n":1})"});
  }
  std::vector<std::string> Folders() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(all_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::string all_ = directory_.File("all");
};

TEST_F(CliExportTest, EverySessionGetsAFolderThatImportsAgain) {
  for (const std::string session_id : {"a", "b:1@x", "c"}) MakeSession(session_id);
  const CliResult exported = Run({"session", "export", "--all", all_});
  ASSERT_EQ(exported.code, kOk) << exported.err;
  EXPECT_THAT(exported.out, HasSubstr("exported creds and 1 key of session a at revision 2 to "));
  EXPECT_THAT(exported.out, HasSubstr("\nexported 3 sessions\n"));
  EXPECT_THAT(Folders(), ElementsAre("a", "b:1@x", "c"));
  MustRun({"session", "delete", "a", "--yes"});
  MustRun({"session", "import", "a", all_ + "/a"});
  EXPECT_EQ(Run({"keys", "get", "a", "pre-key", "1"}).out, "{\"n\":1}\n");
}

TEST_F(CliExportTest, RunAgainItExportsWhatIsMissingAlone) {
  MakeSession("a");
  MustRun({"session", "export", "--all", all_});
  MakeSession("b");
  MustRun({"keys", "set", "a", "pre-key", "2", "2"});
  const nlohmann::json again = Run({"session", "export", "--all", all_, "--json"}).OutJson();
  EXPECT_EQ(again["done"], 1);
  EXPECT_EQ(again["already"], 1);
  EXPECT_FALSE(fs::exists(all_ + "/a/pre-key-2.json"));
  EXPECT_EQ(Run({"session", "export", "--all", all_, "--force", "--json"}).OutJson()["done"], 2);
  EXPECT_TRUE(fs::exists(all_ + "/a/pre-key-2.json"));
}

TEST_F(CliExportTest, SessionsThatCannotBeExportedAreNamedAndTheOthersAre) {
  for (const std::string session_id : {"a", "b", "d"}) MakeSession(session_id);
  MustRun({"keys", "set", "c", "pre-key", "1", "1"});
  MustRun({"keys", "set", "..", "pre-key", "1", "1"});
  const CliResult exported = Run({"session", "export", "--all", all_});
  EXPECT_EQ(exported.code, kRefused);
  EXPECT_THAT(exported.out, AllOf(HasSubstr("session c FAILED: session c has no creds"),
                                  HasSubstr("session .. FAILED: "), HasSubstr("exported 3 sessions; 2 failed\n")));
  EXPECT_THAT(exported.err, HasSubstr("2 sessions of 5 could not be exported"));
  EXPECT_THAT(Folders(), ElementsAre("a", "b", "d"));
  // Some alone.
  EXPECT_EQ(Run({"session", "export", "--all", directory_.File("some"), "--prefix", "b"}).out,
            absl::StrCat("exported creds and 1 key of session b at revision 2 to ", directory_.File("some"),
                         "/b\nexported 1 session\n"));
}

TEST_F(CliExportTest, DamagedSessionsMakeTheExitCode6) {
  for (const std::string session_id : {"a", "b"}) MakeSession(session_id);
  ASSERT_EQ(cli_->Bash(absl::StrCat("sqlite3 ", directory_.File("authstate.db"),
                                    " \"UPDATE auth_keys SET value = zeroblob(40) WHERE session_id = 'a'\""))
                .code,
            kOk);
  EXPECT_EQ(Run({"session", "export", "--all", all_}).code, kDataLoss);
  EXPECT_THAT(Folders(), ElementsAre("b"));
}

TEST_F(CliExportTest, WhatContradictsItselfIsRefused) {
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{},
                                                                                    {"a"},
                                                                                    {"a", all_, "--redact"},
                                                                                    {"--redact"},
                                                                                    {"a", "--all", all_},
                                                                                    {"--all", all_, "--redact"},
                                                                                    {"a", all_, "--prefix", "b"}}) {
    const CliResult result = Run({"session", "export"}, more);
    EXPECT_TRUE(result.code == kRefused || result.code == kUsage) << testing::PrintToString(more);
  }
}

TEST_F(CliExportTest, RedactedSessionHasItsShapeAndNoSecret) {
  const std::string id = "5511987654321";
  const std::string jid = absl::StrCat(id, ":12@s.whatsapp.net");
  const std::string creds = absl::StrReplaceAll(
      test::WorkingCreds(),
      {{R"("me":"demo")", absl::StrCat(R"("me":{"id":")", jid, R"(","name":"Jane Doe"},"nextPreKeyId":31)")}});
  MustRun({"creds", "set", id, creds});
  MustRun(
      {"keys", "set", id, "session", absl::StrCat(id, ".0"),
       R"({"_sessions":{"BQsecretsecretsecretsecretsecretsecretsecret":{"currentRatchet":{"rootKey":"c2VjcmV0"}}}})"});
  MustRun({"keys", "set", id, "sender-key-memory", "g@g.us", absl::StrCat("{\"", jid, "\":true}")});
  MustRun({"keys", "set", id, "pre-key", "7", R"({"public":{"0":115,"1":101}})"});
  const CliResult redacted = Run({"session", "export", id, "--redact"});
  ASSERT_EQ(redacted.code, kOk) << redacted.err;
  for (const std::string secret : {id.c_str(), "Jane", "secret", "c2VjcmV0", "YWFh", "Y2Nj"}) {
    EXPECT_THAT(redacted.out, Not(HasSubstr(secret)));
  }
  const nlohmann::json json = redacted.OutJson();
  EXPECT_EQ(json["session_id"], "55*********21");
  EXPECT_EQ(json["state"], "half-paired");
  EXPECT_EQ(json["creds"]["noiseKey"]["private"], "Buffer 32");
  EXPECT_EQ(json["creds"]["me"]["id"], "55*********21:12@s.whatsapp.net");
  EXPECT_EQ(json["creds"]["me"]["name"], "string 8");
  EXPECT_EQ(json["creds"]["nextPreKeyId"], 31);
  ASSERT_EQ(json["keys"].size(), 3U);
  EXPECT_EQ(json["keys"][0]["shapes"][0]["shape"], nlohmann::json::parse(R"({"public":"numbers 2"})"));
  EXPECT_EQ(json["keys"][1]["type"], "sender-key-memory");
  EXPECT_EQ(json["keys"][1]["shapes"][0]["shape"], nlohmann::json::parse(R"({"<names>":1,"shapes":[true]})"));
  EXPECT_EQ(Run({"session", "export", "absent", "--redact"}).code, kNotFound);
}

}  // namespace
}  // namespace authstate
