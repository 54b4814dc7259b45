#include "server/log/audit_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "tests/support/temp_dir.h"
#include "tokens/token.h"

namespace authstate::server {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;

class AuditLogTest : public testing::Test {
 protected:
  void Open(AuditOptions options) {
    log_.reset();
    auto opened = AuditLog::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    log_ = *std::move(opened);
  }
  // Records a call, if the log lets it.
  absl::Status Call(const std::string& session_id) {
    absl::Status admitted = log_->Admit();
    if (!admitted.ok()) return admitted;
    AuditRecord record;
    record.method = "Commit";
    record.session_id = session_id;
    log_->Write(record, absl::OkStatus());
    return absl::OkStatus();
  }
  static std::vector<nlohmann::json> Lines(const std::string& path) {
    std::vector<nlohmann::json> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  static std::vector<std::string> Sessions(const std::string& path) {
    std::vector<std::string> sessions;
    for (const nlohmann::json& line : Lines(path)) sessions.push_back(line.at("session_id"));
    return sessions;
  }
  static void Await(const std::function<bool()>& condition) {
    for (const absl::Time end = absl::Now() + absl::Seconds(30); !condition() && absl::Now() < end;) {
      absl::SleepFor(absl::Milliseconds(2));
    }
    EXPECT_TRUE(condition());
  }

  const test::TempDir directory_;
  const std::string path_ = directory_.File("audit.jsonl");
  std::unique_ptr<AuditLog> log_;
};

TEST_F(AuditLogTest, ARecordIsOneLineOfWhatIsKnown) {
  AuditOptions options{path_};
  options.clock = [] { return absl::FromUnixMillis(1'700'000'000'123); };
  ASSERT_NO_FATAL_FAILURE(Open(options));
  AuditRecord record;
  record.method = "GetCreds";
  record.caller = "abcdefghijklmnop";
  record.certificate = "DNS:pool.example";
  record.peer = "ipv4:192.0.2.7:41234";
  record.session_id = "bot-1";
  record.token_id = "ponmlkjihgfedcba";
  record.request_id = "r1";
  log_->Write(record, storage::NoCreds(0));
  log_.reset();
  const nlohmann::json line = {{"time", "2023-11-14T22:13:20.123Z"},
                               {"method", "GetCreds"},
                               {"caller", "abcdefghijklmnop"},
                               {"certificate", "DNS:pool.example"},
                               {"peer", "ipv4:192.0.2.7:41234"},
                               {"session_id", "bot-1"},
                               {"token_id", "ponmlkjihgfedcba"},
                               {"request_id", "r1"},
                               {"outcome", "NOT_FOUND"},
                               {"reason", "NO_CREDS"}};
  EXPECT_THAT(Lines(path_), ElementsAre(line));
}

TEST_F(AuditLogTest, WhatIsNoSessionIdIsLeftOut) {
  ASSERT_NO_FATAL_FAILURE(Open({path_}));
  ASSERT_TRUE(Call("a secret, sent in the wrong field").ok());
  log_.reset();
  ASSERT_EQ(Lines(path_).size(), 1U);
  EXPECT_FALSE(Lines(path_).front().contains("session_id"));
}

TEST_F(AuditLogTest, WhatIsNoTokenIdIsLeftOut) {
  ASSERT_NO_FATAL_FAILURE(Open({path_}));
  AuditRecord record;
  record.method = "RevokeToken";
  record.token_id = tokens::Token::New().Text();
  log_->Write(record, absl::OkStatus());
  log_.reset();
  ASSERT_EQ(Lines(path_).size(), 1U);
  EXPECT_FALSE(Lines(path_).front().contains("token_id")) << "the whole of it has a secret";
}

TEST_F(AuditLogTest, TheFileIsItsOwnersAndIsAppendedTo) {
  ASSERT_NO_FATAL_FAILURE(Open({path_}));
  ASSERT_TRUE(Call("a").ok());
  ASSERT_NO_FATAL_FAILURE(Open({path_}));
  ASSERT_TRUE(Call("b").ok());
  log_.reset();
  EXPECT_THAT(Sessions(path_), ElementsAre("a", "b"));
  struct stat made {};
  ASSERT_EQ(stat(path_.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 0777U, 0600U);
}

TEST_F(AuditLogTest, AFileThatCannotBeOpenedIsAnErrorAtTheStart) {
  EXPECT_EQ(AuditLog::Open({directory_.File("no/folder")}).status().code(), absl::StatusCode::kNotFound);
  ASSERT_NO_FATAL_FAILURE(Open({path_}));
  EXPECT_FALSE(AuditLog::Open({path_}).ok()) << "two servers would cut off each other's lines";
}

TEST_F(AuditLogTest, WhatIsRenamedIsFollowedByANewFile) {
  ASSERT_NO_FATAL_FAILURE(Open({path_}));
  ASSERT_TRUE(Call("a").ok());
  Await([&] { return fs::file_size(path_) > 0; });
  fs::rename(path_, path_ + ".1");
  ASSERT_TRUE(Call("b").ok());
  Await([&] { return Sessions(path_ + ".1").size() == 2; });
  log_->Reopen();
  Await([&] { return fs::exists(path_); });
  ASSERT_TRUE(Call("c").ok());
  log_.reset();
  EXPECT_THAT(Sessions(path_ + ".1"), ElementsAre("a", "b"));
  EXPECT_THAT(Sessions(path_), ElementsAre("c"));
}

// While its folder is gone nothing can be recorded.
class UnwritableAuditLogTest : public AuditLogTest {
 protected:
  void OpenAndTakeAway(bool required, std::size_t records) {
    fs::create_directory(folder_);
    AuditOptions options;
    options.path = file_;
    options.required = required;
    options.records = records;
    ASSERT_NO_FATAL_FAILURE(Open(options));
    ASSERT_TRUE(Call("before").ok());
    Await([&] { return fs::file_size(file_) > 0; });
    fs::rename(folder_, folder_ + ".away");
    log_->Reopen();
  }
  void GiveBack() { fs::rename(folder_ + ".away", folder_); }

  const std::string folder_ = directory_.File("folder");
  const std::string file_ = folder_ + "/audit.jsonl";
};

TEST_F(UnwritableAuditLogTest, RequiredRecordsAreKeptAndFurtherCallsRefused) {
  ASSERT_NO_FATAL_FAILURE(OpenAndTakeAway(/*required=*/true, 1'000));
  std::vector<std::string> admitted = {"before"};
  absl::Status refused;
  Await([&] {
    const std::string session_id = absl::StrCat("s", admitted.size());
    refused = Call(session_id);
    if (refused.ok()) admitted.push_back(session_id);
    return !refused.ok();
  });
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(storage::ReasonOf(refused), kAuditUnavailable);
  EXPECT_EQ(storage::OutcomeOf(refused), storage::Outcome::kNotApplied);
  GiveBack();
  Await([&] {
    if (!Call("after").ok()) return false;
    admitted.emplace_back("after");
    return true;
  });
  log_.reset();
  EXPECT_EQ(Sessions(file_), admitted);
}

TEST_F(UnwritableAuditLogTest, WritingGoesOnWhereNoRecordWaits) {
  ASSERT_NO_FATAL_FAILURE(OpenAndTakeAway(/*required=*/true, 1'000));
  Await([&] { return !log_->Admit().ok(); });
  GiveBack();
  Await([&] { return log_->Admit().ok(); });
}

TEST_F(UnwritableAuditLogTest, RecordsThatAreNotRequiredRefuseNoCall) {
  ASSERT_NO_FATAL_FAILURE(OpenAndTakeAway(/*required=*/false, 3));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Call("while-away").ok());
  GiveBack();
  log_.reset();
  EXPECT_THAT(Sessions(file_), Contains("while-away"));
}

// A full pipe with a reader that has stopped.
TEST_F(AuditLogTest, AReaderThatHasStoppedKeepsNothingFromStopping) {
  ASSERT_EQ(mkfifo(path_.c_str(), S_IRUSR | S_IWUSR), 0);
  const int reader = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  AuditOptions options{path_};
  options.required = true;
  ASSERT_NO_FATAL_FAILURE(Open(options));
  Await([&] { return !Call(std::string(100, 'x')).ok(); });
  log_.reset();
  close(reader);
}

}  // namespace
}  // namespace authstate::server
