#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/folder/folder_reader.h"
#include "client/cli/folder/folder_writer.h"
#include "client/cli/terminal/folder_problem.h"
#include "contract/limits.h"
#include "tests/support/temp_dir.h"
#include "tests/support/working_creds.h"

namespace authstate::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr mode_t kPermissions = 0777;

void Put(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string Get(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<std::string> Entries(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path)) names.push_back(entry.path().filename());
  return names;
}

mode_t Mode(const std::string& path) {
  struct stat facts {};
  EXPECT_EQ(stat(path.c_str(), &facts), 0);
  return facts.st_mode & kPermissions;
}

absl::Status GoOn(std::size_t /*done*/, std::size_t /*total*/) { return absl::OkStatus(); }

std::vector<std::string> FilesAtFault(const absl::Status& status) {
  std::vector<std::string> files;
  for (const FolderProblem& problem : FolderProblemsOf(status)) files.push_back(problem.file);
  return files;
}

Value JsonValue(std::string text) { return {ValueKind::kJson, std::move(text)}; }

// A Buffer of WorkingCreds as an array of its bytes, between `before` and `after`.
std::string KeyArray(absl::string_view before = R"({"type":"Buffer","data":[)", absl::string_view after = "]}") {
  return absl::StrCat(before, absl::StrJoin(std::vector<int>(test::kKeyBytes, 'a'), ","), after);
}

class FolderReaderTest : public ::testing::Test {
 protected:
  void File(const std::string& name, const std::string& text) { Put(folder_.File(name), text); }
  absl::StatusOr<Folder> Read() { return ReadFolder(folder_.path(), {}, GoOn); }

  test::TempDir folder_;
};

TEST_F(FolderReaderTest, CredsAndKeysComeInCanonicalForm) {
  File("creds.json", absl::StrCat(" ", test::WorkingCreds("demo", KeyArray()), "\n"));
  File("session-1.0.json", "{ }");
  File("pre-key-2.json", R"({"type":"Buffer","data":"eA=="})");
  const auto folder = Read();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->creds, JsonValue(test::WorkingCreds()));
  EXPECT_THAT(folder->mended, IsEmpty());
  EXPECT_THAT(folder->keys, ElementsAre(client::KeyEntry{{"pre-key", "2"}, {ValueKind::kRaw, "x"}},
                                        client::KeyEntry{{"session", "1.0"}, JsonValue("{}")}));
}

TEST_F(FolderReaderTest, BytesThatStandAsNumbersAreMendedAndTheirFilesNamed) {
  File("creds.json", test::WorkingCreds("demo", KeyArray("[", "]")));
  File("pre-key-1.json", R"({"private":{"0":1,"1":2}})");
  File("pre-key-2.json", R"({"private":{"type":"Buffer","data":"AQI="}})");
  const auto folder = Read();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->creds, JsonValue(test::WorkingCreds()));
  EXPECT_EQ(folder->keys[0].value, folder->keys[1].value);
  EXPECT_THAT(folder->mended, ElementsAre("creds.json", "pre-key-1.json"));
}

TEST_F(FolderReaderTest, CredsThatWereEncodedTwiceAreUnwrapped) {
  File("creds.json", nlohmann::json(test::WorkingCreds()).dump());
  const auto folder = Read();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->creds, JsonValue(test::WorkingCreds()));
  EXPECT_TRUE(folder->creds_unwrapped);
}

TEST_F(FolderReaderTest, CredsThatCannotWorkAreRefusedWithTheMember) {
  File("creds.json", test::WorkingCreds("demo", R"({"0":1,"1":2})"));
  const auto problems = FolderProblemsOf(Read().status());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems[0].reason, HasSubstr("noiseKey.private has 2 bytes, not 32"));
}

TEST_F(FolderReaderTest, TornKeysAreLeftOutAndNamedOnRequestAndTornCredsNever) {
  File("creds.json", test::WorkingCreds());
  File("pre-key-1.json", "{");
  File("pre-key-2.json", "{}");
  FolderRules rules;
  rules.skip_torn = true;
  const auto folder = ReadFolder(folder_.path(), rules, GoOn);
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_EQ(folder->left_out.size(), 1U);
  EXPECT_EQ(folder->left_out[0].file, "pre-key-1.json");
  EXPECT_THAT(folder->keys, ElementsAre(client::KeyEntry{{"pre-key", "2"}, JsonValue("{}")}));
  File("creds.json", "{");
  EXPECT_THAT(FilesAtFault(ReadFolder(folder_.path(), rules, GoOn).status()), ElementsAre("creds.json"));
}

TEST_F(FolderReaderTest, AWholeBackupOfTheCredsIsNamedAndNotUsed) {
  File("creds.json", "{");
  File("creds.json.bak", "{");
  EXPECT_THAT(FolderProblemsOf(Read().status())[0].reason, Not(HasSubstr(".bak")));
  File("creds.json.bak", test::WorkingCreds());
  EXPECT_THAT(FolderProblemsOf(Read().status())[0].reason, HasSubstr("a whole creds.json.bak stands beside it"));
  fs::remove(folder_.File("creds.json"));
  EXPECT_FALSE(Read()->creds.has_value());
  EXPECT_THAT(CredsBackupHint(folder_.path()), HasSubstr("creds.json.bak"));
}

TEST_F(FolderReaderTest, ABackupStandsInForAMissingFileAndATemporaryOneNever) {
  File("pre-key-1.json.bak", "{}");
  File("pre-key-2.json", "{}");
  File("pre-key-2.json.bak", "[]");
  File("pre-key-3.json.tmp", "{}");
  const auto folder = Read();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(folder->keys, ElementsAre(client::KeyEntry{{"pre-key", "1"}, JsonValue("{}")},
                                        client::KeyEntry{{"pre-key", "2"}, JsonValue("{}")}));
  EXPECT_THAT(folder->from_backup, ElementsAre("pre-key-1.json"));
  EXPECT_THAT(folder->ignored, ElementsAre("pre-key-2.json.bak", "pre-key-3.json.tmp"));
}

TEST_F(FolderReaderTest, ABackupStandsInForATornFileUnlessItsOldValueWouldDoHarm) {
  for (const std::string name : {"app-state-sync-key-AAA=", "session-1.0"}) {
    File(name + ".json", "{");
    File(name + ".json.bak", R"({"whole":true})");
  }
  EXPECT_THAT(FilesAtFault(Read().status()), ElementsAre("app-state-sync-key-AAA=.json", "session-1.0.json"));
  FolderRules rules;
  rules.skip_torn = true;
  const auto folder = ReadFolder(folder_.path(), rules, GoOn);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(folder->keys,
              ElementsAre(client::KeyEntry{{"app-state-sync-key", "AAA="}, JsonValue(R"({"whole":true})")}));
  EXPECT_THAT(folder->from_backup, ElementsAre("app-state-sync-key-AAA=.json"));
  EXPECT_EQ(folder->left_out[0].file, "session-1.0.json");
}

TEST_F(FolderReaderTest, ASenderKeyThatStandsAsAListBecomesBytes) {
  File("sender-key-1@g.us--2--0.json", R"([{"senderKeyId":1}])");
  const auto folder = Read();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->keys[0].value, (Value{ValueKind::kRaw, R"([{"senderKeyId":1}])"}));
  EXPECT_THAT(folder->mended, ElementsAre("sender-key-1@g.us--2--0.json"));
}

TEST_F(FolderReaderTest, CredsThatNobodyWantsAreNotRead) {
  File("creds.json", "{");
  File("pre-key-1.json", "{}");
  FolderRules rules;
  rules.with_creds = false;
  const auto folder = ReadFolder(folder_.path(), rules, GoOn);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_FALSE(folder->creds.has_value());
}

TEST_F(FolderReaderTest, WithoutCredsFileThereAreNoCreds) {
  File("pre-key-1.json", "{}");
  EXPECT_FALSE(Read()->creds.has_value());
}

TEST_F(FolderReaderTest, ALinkOutOfTheFolderIsNamedAndNotFollowed) {
  const test::TempDir elsewhere;
  Put(elsewhere.File("secret.json"), "{}");
  File("creds.json", test::WorkingCreds());
  fs::create_symlink(elsewhere.File("secret.json"), folder_.File("pre-key-1.json"));
  fs::create_symlink("creds.json", folder_.File("pre-key-2.json"));
  fs::create_symlink(elsewhere.File("absent"), folder_.File("pre-key-3.json"));
  fs::create_directory_symlink(elsewhere.path(), folder_.File("pre-key-4.json"));
  const auto problems = FolderProblemsOf(Read().status());
  ASSERT_EQ(problems.size(), 4U);
  for (const FolderProblem& problem : problems) EXPECT_THAT(problem.reason, HasSubstr("symbolic link")) << problem.file;
}

TEST_F(FolderReaderTest, TheFolderItselfMayBeALink) {
  File("creds.json", test::WorkingCreds());
  const test::TempDir elsewhere;
  fs::create_directory_symlink(folder_.path(), elsewhere.File("auth"));
  EXPECT_TRUE(ReadFolder(elsewhere.File("auth"), {}, GoOn).ok());
}

TEST_F(FolderReaderTest, EveryBadFileIsNamed) {
  File("creds.json", R"({"a":)");
  File("pre-key-1.json", "");
  File("pre-key-2.json", "{}");
  File("pre-key-3.json", "null");
  File("pre-key-4.json", R"({"type":"Buffer","data":"!"})");
  File("pre-key-5.json", "\"\xff\"");
  File("unknown.json", "{}");
  File("session-1-2.json", "{}");
  fs::create_directory(folder_.File("pre-key-6.json"));
  EXPECT_THAT(FilesAtFault(Read().status()),
              UnorderedElementsAre("creds.json", "pre-key-1.json", "pre-key-3.json", "pre-key-4.json", "pre-key-5.json",
                                   "unknown.json", "session-1-2.json", "pre-key-6.json"));
}

TEST_F(FolderReaderTest, CredsThatAreNoObjectAreRefused) {
  for (const std::string text : {"{}", "[]", "null", "1", "\"null\"", "\"{}\"", R"({"type":"Buffer","data":""})"}) {
    File("creds.json", text);
    EXPECT_THAT(FilesAtFault(Read().status()), ElementsAre("creds.json")) << text;
  }
}

TEST_F(FolderReaderTest, ValueOverTheLimitIsRefused) {
  File("creds.json", absl::StrCat(R"({"a":")", std::string(kMaxValueBytes, 'x'), "\"}"));
  EXPECT_THAT(FilesAtFault(Read().status()), ElementsAre("creds.json"));
}

TEST_F(FolderReaderTest, FileWrittenMeanwhileIsNamed) {
  File("creds.json", test::WorkingCreds());
  File("pre-key-1.json", "{}");
  const auto folder = ReadFolder(folder_.path(), {}, [this](std::size_t done, std::size_t total) {
    if (done == total) {
      File("creds.json", R"({"a":1})");
      File("pre-key-2.json", "{}");
      fs::remove(folder_.File("pre-key-1.json"));
    }
    return absl::OkStatus();
  });
  EXPECT_THAT(FilesAtFault(folder.status()), UnorderedElementsAre("creds.json", "pre-key-1.json", "pre-key-2.json"));
}

TEST_F(FolderReaderTest, OtherFilesAreListedAsIgnored) {
  File("creds.json", test::WorkingCreds());
  File("notes.txt", "x");
  EXPECT_THAT(Read()->ignored, ElementsAre("notes.txt"));
}

TEST_F(FolderReaderTest, ErrorOfTheCallbackEndsTheReading) {
  File("creds.json", "{}");
  const auto folder = ReadFolder(folder_.path(), {}, [](std::size_t /*done*/, std::size_t /*total*/) {
    return absl::CancelledError("interrupted");
  });
  EXPECT_TRUE(absl::IsCancelled(folder.status()));
}

TEST_F(FolderReaderTest, FolderThatIsNotThereIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadFolder(folder_.File("absent"), {}, GoOn).status()));
}

class FolderWriterTest : public ::testing::Test {
 protected:
  // Writes a folder of creds and one key, and publishes it.
  static absl::Status Write(const std::string& target, bool replace) {
    auto writer = FolderWriter::Create(target, replace);
    if (!writer.ok()) return writer.status();
    absl::Status status = writer->AddCreds(JsonValue("{}"));
    if (status.ok()) status = writer->AddKey({{"sender-key", "g@g.us::1::0"}, {ValueKind::kRaw, "x"}});
    return status.ok() ? writer->Publish() : status;
  }

  test::TempDir parent_;
  const std::string target_ = parent_.File("session");
};

TEST_F(FolderWriterTest, FilesAreThoseOfBaileysAndForTheOwnerAlone) {
  ASSERT_TRUE(Write(target_, /*replace=*/false).ok());
  EXPECT_EQ(Get(target_ + "/creds.json"), "{}");
  EXPECT_EQ(Get(target_ + "/sender-key-g@g.us--1--0.json"), R"({"type":"Buffer","data":"eA=="})");
  EXPECT_EQ(Mode(target_), mode_t{0700});
  EXPECT_EQ(Mode(target_ + "/creds.json"), mode_t{0600});
  EXPECT_THAT(Entries(parent_.path()), ElementsAre("session"));
}

TEST_F(FolderWriterTest, NothingAppearsWithoutPublish) {
  {
    auto writer = FolderWriter::Create(target_, /*replace=*/false);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->AddCreds(JsonValue("{}")).ok());
    EXPECT_FALSE(fs::exists(target_));
  }
  EXPECT_THAT(Entries(parent_.path()), IsEmpty());
}

TEST_F(FolderWriterTest, EmptyFolderIsFilled) {
  fs::create_directory(target_);
  EXPECT_TRUE(Write(target_ + "/", /*replace=*/false).ok());
  EXPECT_EQ(Entries(target_).size(), 2U);
}

TEST_F(FolderWriterTest, FilledFolderIsReplacedOnlyOnRequest) {
  fs::create_directory(target_);
  Put(target_ + "/pre-key-1.json", "old");
  EXPECT_TRUE(absl::IsFailedPrecondition(Write(target_, /*replace=*/false)));
  EXPECT_EQ(Get(target_ + "/pre-key-1.json"), "old");
  const absl::Status replaced = Write(target_, /*replace=*/true);
  EXPECT_TRUE(replaced.ok()) << replaced;
  EXPECT_THAT(Entries(target_), UnorderedElementsAre("creds.json", "sender-key-g@g.us--1--0.json"));
  EXPECT_THAT(Entries(parent_.path()), ElementsAre("session"));
}

TEST_F(FolderWriterTest, FolderOfOtherThingsIsNeverReplaced) {
  fs::create_directory(target_);
  Put(target_ + "/thesis.odt", "years of work");
  const absl::Status status = Write(target_, /*replace=*/true);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Entries(target_), ElementsAre("thesis.odt"));
}

TEST_F(FolderWriterTest, FolderFilledMeanwhileIsNotReplaced) {
  auto writer = FolderWriter::Create(target_, /*replace=*/false);
  ASSERT_TRUE(writer.ok()) << writer.status();
  fs::create_directory(target_);
  Put(target_ + "/creds.json", "another's");
  EXPECT_TRUE(absl::IsFailedPrecondition(writer->Publish()));
  EXPECT_EQ(Get(target_ + "/creds.json"), "another's");
}

TEST_F(FolderWriterTest, FileAsTargetIsRefused) {
  Put(target_, "x");
  EXPECT_TRUE(absl::IsFailedPrecondition(Write(target_, /*replace=*/true)));
}

TEST_F(FolderWriterTest, KeysThatShareAFileAreNamedBoth) {
  auto writer = FolderWriter::Create(target_, /*replace=*/false);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->AddKey({{"session", "a:b"}, JsonValue("1")}).ok());
  const absl::Status status = writer->AddKey({{"session", "a-b"}, JsonValue("2")});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("session a:b and session a-b"));
}

TEST_F(FolderWriterTest, IdTooLongForAFileIsRefused) {
  auto writer = FolderWriter::Create(target_, /*replace=*/false);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::string id(kMaxKeyIdBytes, 'x');
  EXPECT_TRUE(absl::IsFailedPrecondition(writer->AddKey({{"session", id}, JsonValue("1")})));
}

}  // namespace
}  // namespace authstate::cli
