// authstatectl session import and export, against a real authstated on SQLite.
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
#include "tests/support/machine.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CliFolderTest : public CliTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CliTest::SetUp());
    fs::create_directory(folder_);
  }

  void File(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(folder_, "/", name);
    std::ofstream(path, std::ios::binary) << text;
    // A folder that was written just now is warned of.
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  void MakeFolder() {
    File("creds.json", test::WorkingCreds("5511:1@s.whatsapp.net"));
    File("pre-key-1.json", R"({"public":{"type":"Buffer","data":"AA=="}})");
    File("session-5511_1.0.json", R"({"_sessions":{},"version":"v1"})");
    File("sender-key-120@g.us--5511_1--0.json", R"({"type":"Buffer","data":"eA=="})");
    File("app-state-sync-key-AA__A+K____6w==.json", R"({"keyData":"x"})");
    File("lid-mapping-5511.json", R"("123")");
    File("tctoken-__index.json", R"({"token":{"type":"Buffer","data":""}})");
  }
  // What differs between two folders; empty when they are equal.
  std::string Difference(const std::string& one, const std::string& other) {
    return cli_->Bash(absl::StrCat("diff -r ", one, " ", other)).out;
  }

  const std::string folder_ = directory_.File("auth");
  const std::string exported_ = directory_.File("exported");
};

TEST_F(CliFolderTest, ImportedFolderIsExportedAsItWas) {
  MakeFolder();
  const CliResult imported = Run({"session", "import", "demo", folder_});
  ASSERT_EQ(imported.code, kOk) << imported.err;
  EXPECT_EQ(imported.out,
            "imported creds and 6 keys into session demo at revision 1 in 1 commit; read back and equal\n");
  EXPECT_EQ(imported.err, "");
  EXPECT_EQ(Run({"keys", "get", "demo", "sender-key", "120@g.us::5511_1::0", "--raw"}).out, "x");
  const CliResult exported = Run({"session", "export", "demo", exported_});
  ASSERT_EQ(exported.code, kOk) << exported.err;
  EXPECT_EQ(exported.out, absl::StrCat("exported creds and 6 keys of session demo at revision 1 to ", exported_, "\n"));
  EXPECT_EQ(Difference(folder_, exported_), "");
}

TEST_F(CliFolderTest, ResultsAsJson) {
  MakeFolder();
  File("notes.txt", "x");
  const nlohmann::json imported = Run({"session", "import", "demo", folder_, "--json"}).OutJson();
  EXPECT_EQ(imported["keys"], 6);
  EXPECT_EQ(imported["creds"], true);
  EXPECT_EQ(imported["commits"], 1);
  EXPECT_EQ(imported["ignored"], nlohmann::json::array({"notes.txt"}));
  EXPECT_EQ(Run({"session", "export", "demo", exported_, "--json"}).OutJson()["keys"], 6);
}

TEST_F(CliFolderTest, TornFilesAreAllNamedAndNothingChanges) {
  MakeFolder();
  File("creds.json", R"({"me":{"id":"secret)");
  File("pre-key-2.json", "");
  const CliResult result = Run({"session", "import", "demo", folder_});
  EXPECT_EQ(result.code, kRefused);
  EXPECT_THAT(result.err, AllOf(HasSubstr("creds.json: "), HasSubstr("pre-key-2.json: is empty"),
                                HasSubstr("nothing was changed"), Not(HasSubstr("secret"))));
  const nlohmann::json error = Run({"session", "import", "demo", folder_, "--json"}).ErrJson()["error"];
  EXPECT_EQ(error["files"].size(), 2U);
  EXPECT_EQ(error["files"][1]["file"], "pre-key-2.json");
  EXPECT_THAT(Sessions(), IsEmpty());
}

TEST_F(CliFolderTest, CredsThatCannotWorkAreRefusedAndNothingChanges) {
  MakeFolder();
  File("creds.json", "{}");
  const CliResult result = Run({"session", "import", "demo", folder_});
  EXPECT_EQ(result.code, kRefused);
  EXPECT_THAT(result.err, HasSubstr("creds.json: noiseKey.private is missing"));
  EXPECT_THAT(Sessions(), IsEmpty());
}

TEST_F(CliFolderTest, BytesThatStandAsNumbersAreMendedAndSaid) {
  MakeFolder();
  ASSERT_EQ(Run({"session", "import", "good", folder_}).code, kOk);
  std::string by_place;
  for (std::size_t i = 0; i < test::kKeyBytes; ++i) absl::StrAppend(&by_place, i == 0 ? "{" : ",", "\"", i, "\":97");
  File("creds.json", test::WorkingCreds("5511:1@s.whatsapp.net", by_place + "}"));
  File("pre-key-1.json", R"({"public":{"0":0}})");
  const CliResult imported = Run({"session", "import", "demo", folder_});
  ASSERT_EQ(imported.code, kOk) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("Buffers now, in 2 files: creds.json, pre-key-1.json"));
  EXPECT_EQ(Run({"creds", "get", "demo"}).out, Run({"creds", "get", "good"}).out);
  EXPECT_EQ(Run({"keys", "get", "demo", "pre-key", "1"}).out, Run({"keys", "get", "good", "pre-key", "1"}).out);
}

TEST_F(CliFolderTest, SessionIdThatIsNoneIsSaidInASentence) {
  MakeFolder();
  const CliResult result = Run({"session", "import", "not an id", folder_});
  EXPECT_EQ(result.code, kRefused);
  EXPECT_THAT(result.err, HasSubstr("the session id: has a byte outside [A-Za-z0-9._:@-]"));
}

TEST_F(CliFolderTest, CopiesOfAFileManagerAreRefused) {
  MakeFolder();
  File("session-5511_1.0 (1).json", "{}");
  EXPECT_THAT(Run({"session", "import", "demo", folder_}).err,
              HasSubstr("session-5511_1.0 (1).json: has the name of a copy"));
  EXPECT_THAT(Sessions(), IsEmpty());
}

TEST_F(CliFolderTest, UnknownFilesAreRefusedUnlessTheirTypeIsNamed) {
  MakeFolder();
  File("poll-key-1.json", "{}");
  EXPECT_THAT(Run({"session", "import", "demo", folder_}).err, HasSubstr("poll-key-1.json: is of no known key type"));
  EXPECT_THAT(Sessions(), IsEmpty());
  EXPECT_EQ(Run({"session", "import", "demo", folder_, "--key-type", "poll-key"}).code, kOk);
  EXPECT_EQ(Run({"keys", "get", "demo", "poll-key", "1"}).out, "{}\n");
}

TEST_F(CliFolderTest, FolderWithoutCredsIsRefusedUnlessKeysAloneAreWanted) {
  File("pre-key-1.json", "{}");
  EXPECT_EQ(Run({"session", "import", "demo", folder_}).code, kRefused);
  EXPECT_THAT(Sessions(), IsEmpty());
  const CliResult imported = Run({"session", "import", "demo", folder_, "--keys-only"});
  EXPECT_EQ(imported.code, kOk);
  EXPECT_THAT(imported.err, HasSubstr("warning: session demo has keys and no creds"));
  EXPECT_EQ(Sessions()[0]["has_creds"], false);
}

TEST_F(CliFolderTest, FolderWithoutAnythingIsRefused) {
  EXPECT_EQ(Run({"session", "import", "demo", folder_, "--keys-only"}).code, kRefused);
  EXPECT_EQ(Run({"session", "import", "demo", directory_.File("absent")}).code, kRefused);
  EXPECT_THAT(Sessions(), IsEmpty());
}

TEST_F(CliFolderTest, ExistingSessionIsReplacedOnlyOnRequest) {
  MakeFolder();
  ASSERT_EQ(Run({"keys", "set", "demo", "pre-key", "99", "{}"}).code, kOk);
  const CliResult refused = Run({"session", "import", "demo", folder_});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("--replace"));
  EXPECT_EQ(Sessions()[0]["revision"], 1);
  ASSERT_EQ(Run({"session", "import", "demo", folder_, "--replace"}).code, kOk);
  ASSERT_EQ(Run({"session", "export", "demo", exported_}).code, kOk);
  EXPECT_EQ(Difference(folder_, exported_), "");
}

TEST_F(CliFolderTest, TheSameFolderAgainWritesNothing) {
  MakeFolder();
  ASSERT_EQ(Run({"session", "import", "demo", folder_}).code, kOk);
  const CliResult again = Run({"session", "import", "demo", folder_});
  EXPECT_EQ(again.code, kOk) << again.err;
  EXPECT_EQ(again.out, "session demo holds this already; nothing was written\n");
  EXPECT_EQ(Sessions()[0]["revision"], 1);
}

TEST_F(CliFolderTest, ImportThatEndedEarlyIsFinishedFromTheSameFolderAlone) {
  MakeFolder();
  const std::string mark = absl::StrCat("\"folder ", folder_, "\"");
  ASSERT_EQ(Run({"keys", "set", "demo", "import", "unfinished", mark}).code, kOk);
  ASSERT_EQ(Run({"keys", "set", "demo", "pre-key", "99", "{}"}).code, kOk);
  fs::copy(folder_, exported_);
  const CliResult other = Run({"session", "import", "demo", exported_});
  EXPECT_EQ(other.code, kRefused);
  EXPECT_THAT(other.err, HasSubstr(mark));
  const CliResult finished = Run({"session", "import", "demo", folder_});
  EXPECT_EQ(finished.code, kOk) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("finished an import that had ended early"));
  EXPECT_EQ(Run({"keys", "get", "demo", "pre-key", "99"}).code, kNotFound);
  EXPECT_EQ(Run({"keys", "get", "demo", "import", "unfinished"}).code, kNotFound);
}

TEST_F(CliFolderTest, DeletedSessionIsImportedAgain) {
  MakeFolder();
  ASSERT_EQ(Run({"session", "import", "demo", folder_}).code, kOk);
  ASSERT_EQ(Run({"session", "delete", "demo", "--yes"}).code, kOk);
  EXPECT_EQ(Run({"session", "import", "demo", folder_}).code, kOk);
  EXPECT_EQ(Sessions()[0]["revision"], 3);
}

TEST_F(CliFolderTest, ReplacedKeysAloneLeaveTheCreds) {
  MakeFolder();
  ASSERT_EQ(Run({"creds", "set", "demo", R"({"stays":true})"}).code, kOk);
  const CliResult imported = Run({"session", "import", "demo", folder_, "--keys-only", "--replace"});
  ASSERT_EQ(imported.code, kOk);
  EXPECT_EQ(imported.err, "");
  EXPECT_EQ(Run({"creds", "get", "demo"}).out, "{\"stays\":true}\n");
}

TEST_F(CliFolderTest, FolderOverTheLimitOfACommitIsImportedInSeveral) {
  MakeFolder();
  for (int i = 0; i < 5; ++i) {
    File(absl::StrCat("session-", i, ".0.json"), absl::StrCat("\"", std::string(kMaxValueBytes - 2, 'x'), "\""));
  }
  const nlohmann::json first = Run({"session", "import", "demo", folder_, "--json"}).OutJson();
  EXPECT_EQ(first["commits"], 2);
  EXPECT_EQ(first["revision"], 2);
  // A commit each sets a mark and deletes the old creds.
  const nlohmann::json second = Run({"session", "import", "demo", folder_, "--json", "--replace"}).OutJson();
  EXPECT_EQ(second["revision"], 6);
  ASSERT_EQ(Run({"session", "export", "demo", exported_}).code, kOk);
  EXPECT_EQ(Difference(folder_, exported_), "");
}

TEST_F(CliFolderTest, FilledFolderIsNotOverwrittenUnlessForced) {
  MakeFolder();
  ASSERT_EQ(Run({"session", "import", "demo", folder_}).code, kOk);
  ASSERT_EQ(Run({"keys", "delete", "demo", "pre-key", "1"}).code, kOk);
  EXPECT_EQ(Run({"session", "export", "demo", folder_}).code, kRefused);
  EXPECT_TRUE(fs::exists(folder_ + "/pre-key-1.json"));
  EXPECT_EQ(Run({"session", "export", "demo", folder_, "--force"}).code, kOk);
  EXPECT_FALSE(fs::exists(folder_ + "/pre-key-1.json"));
}

TEST_F(CliFolderTest, SessionWithoutCredsIsExportedOnlyOnRequest) {
  ASSERT_EQ(Run({"keys", "set", "demo", "pre-key", "1", "{}"}).code, kOk);
  EXPECT_EQ(Run({"session", "export", "demo", exported_}).code, kRefused);
  EXPECT_FALSE(fs::exists(exported_));
  EXPECT_EQ(Run({"session", "export", "demo", exported_, "--keys-only"}).code, kOk);
  EXPECT_TRUE(fs::exists(exported_ + "/pre-key-1.json"));
}

TEST_F(CliFolderTest, KeysThatWouldShareAFileAreNamedAndNothingIsWritten) {
  ASSERT_EQ(Run({"creds", "set", "demo", "{}"}).code, kOk);
  ASSERT_EQ(Run({"keys", "set", "demo", "session", "a:b", "1"}).code, kOk);
  ASSERT_EQ(Run({"keys", "set", "demo", "session", "a-b", "2"}).code, kOk);
  const CliResult result = Run({"session", "export", "demo", exported_});
  EXPECT_EQ(result.code, kRefused);
  EXPECT_THAT(result.err, HasSubstr("session a-b and session a:b"));
  EXPECT_FALSE(fs::exists(exported_));
}

TEST_F(CliFolderTest, ProgressIsShownOnATerminal) {
  if (!test::MachineHasTerminals()) GTEST_SKIP() << "no terminal can be made here: /dev/pts is missing";
  MakeFolder();
  const CliResult imported =
      cli_->Bash(absl::StrCat(R"(script -qec "authstatectl session import demo )", folder_, R"(" /dev/null)"));
  EXPECT_EQ(imported.code, kOk);
  EXPECT_THAT(imported.out, AllOf(HasSubstr("reading ["), HasSubstr("writing ["), HasSubstr("comparing [")));
  const CliResult exported =
      cli_->Bash(absl::StrCat(R"(script -qec "authstatectl session export demo )", exported_, R"(" /dev/null)"));
  EXPECT_THAT(exported.out, HasSubstr("keys exported: 6"));
}

}  // namespace
}  // namespace authstate
