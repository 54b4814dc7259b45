// A copy of an SQLite store that is open, and what becomes of one that fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/error.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/sqlite/store_copy.h"
#include "tests/conformance/await.h"
#include "tests/support/temp_dir.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

class SqliteCopyTest : public testing::Test {
 protected:
  SqliteCopyTest() {
    std::filesystem::create_directory(folder_);
    SqliteOptions options;
    options.path = store_;
    auto opened = OpenSqliteBackend(std::move(options));
    EXPECT_TRUE(opened.ok()) << opened.status();
    backend_ = *std::move(opened);
    // Random bytes do not shrink, so that a copy takes more than one step.
    std::mt19937 random;  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bytes in every run
    for (char& byte : large_) byte = static_cast<char>(random());
    for (int i = 0; i < 8; ++i) MustSet(*backend_, absl::StrCat("large", i), large_);
    MustSet(*backend_, "s", "before");
  }

  static void MustSet(Backend& backend, const std::string& session_id, std::string bytes) {
    Commit commit;
    commit.session_id = session_id;
    commit.creds = Value{ValueKind::kRaw, std::move(bytes)};
    std::vector<Commit> commits;
    commits.push_back(std::move(commit));
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend.Apply(std::move(commits), Soon(), answer.Done());
    const auto applied = answer.Await();
    EXPECT_TRUE(applied.front().ok()) << applied.front().status();
  }
  static std::string Get(Backend& backend, const std::string& session_id) {
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    backend.Read({{session_id, true, {}}}, Soon(), answer.Done());
    const auto read = answer.Await();
    EXPECT_TRUE(read.front().ok()) << read.front().status();
    return read.front().ok() && read.front()->creds.has_value() ? read.front()->creds->bytes : "";
  }
  std::string GetFromCopy(const std::string& name, const std::string& session_id) {
    SqliteOptions options;
    options.path = absl::StrCat(folder_, "/", name);
    options.create = false;
    auto copy = OpenSqliteBackend(std::move(options));
    EXPECT_TRUE(copy.ok()) << copy.status();
    return copy.ok() ? Get(**copy, session_id) : "";
  }

  CopyRequest Request(const std::string& name = "copy.db") {
    CopyRequest request;
    request.name = name;
    request.cancelled = [] { return false; };
    request.progress = [](const CopyProgress&) {};
    request.in_place = [] { return absl::OkStatus(); };
    return request;
  }
  absl::StatusOr<CopyReport> Copy(const CopyRequest& request) { return CopySqliteStore(store_, folder_, request); }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(absl::StrCat(folder_, "/", name)) << text;
  }
  std::string Content(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(absl::StrCat(folder_, "/", name)).rdbuf();
    return text.str();
  }

  test::TempDir directory_;
  const std::string store_ = directory_.File("store.db");
  const std::string folder_ = directory_.File("copies");
  std::string large_ = std::string(500'000, '\0');
  std::unique_ptr<Backend> backend_;
};

TEST_F(SqliteCopyTest, IsOfTheMomentWhenItBeganWhateverIsWrittenMeanwhile) {
  CopyRequest request = Request();
  request.in_place = [&] {
    MustSet(*backend_, "s", "after");
    return absl::OkStatus();
  };
  int steps = 0;
  CopyProgress last;
  request.progress = [&](const CopyProgress& progress) {
    ++steps;
    last = progress;
    MustSet(*backend_, absl::StrCat("meanwhile", steps), "x");
  };
  const absl::Time before = absl::Now();
  const auto copied = Copy(request);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_GT(steps, 2);
  EXPECT_TRUE(last.checking);
  EXPECT_EQ(last.copied_bytes, last.total_bytes);
  EXPECT_GE(copied->time, before);
  EXPECT_EQ(copied->path, absl::StrCat(folder_, "/copy.db"));
  EXPECT_EQ(copied->bytes, std::filesystem::file_size(copied->path));
  EXPECT_THAT(Files(), ElementsAre("copy.db"));
  struct stat file {};
  ASSERT_EQ(stat(copied->path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777U, 0600U);
  EXPECT_EQ(GetFromCopy("copy.db", "s"), "before");
  EXPECT_EQ(GetFromCopy("copy.db", "meanwhile1"), "");
  EXPECT_EQ(GetFromCopy("copy.db", "large7"), large_);
  EXPECT_EQ(Get(*backend_, "s"), "after");
  EXPECT_EQ(Get(*backend_, "meanwhile1"), "x");
}

TEST_F(SqliteCopyTest, GivenUpAtAnyPointItLeavesNothing) {
  for (int after = 0;; ++after) {
    CopyRequest request = Request();
    int asked = 0;
    bool checking = false;
    request.cancelled = [&] { return asked++ >= after; };
    request.progress = [&](const CopyProgress& progress) { checking = progress.checking; };
    const auto copied = Copy(request);
    if (copied.ok()) {
      EXPECT_TRUE(checking);
      EXPECT_GT(after, 2);
      return;
    }
    EXPECT_EQ(copied.status().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(ReasonOf(copied.status()), kCopyCancelled);
    EXPECT_THAT(Files(), IsEmpty());
  }
}

TEST_F(SqliteCopyTest, NeverTakesThePlaceOfAFile) {
  Write("copy.db", "somebody's");
  const auto there = Copy(Request());
  EXPECT_EQ(there.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(there.status()), kCopyExists);

  CopyRequest request = Request("other.db");
  request.progress = [&](const CopyProgress& progress) {
    if (progress.checking) Write("other.db", "somebody's");
  };
  EXPECT_EQ(ReasonOf(Copy(request).status()), kCopyExists);
  EXPECT_EQ(Content("copy.db"), "somebody's");
  EXPECT_EQ(Content("other.db"), "somebody's");
  EXPECT_EQ(Files().size(), 2U);
}

TEST_F(SqliteCopyTest, TakesThePlaceOfWhatAKilledOneHasLeftAndOfNoFileThatALinkLeadsTo) {
  Write("kept.db", "somebody's");
  std::filesystem::create_symlink("kept.db", absl::StrCat(folder_, "/.unfinished.db"));
  ASSERT_TRUE(Copy(Request()).ok());
  EXPECT_EQ(Content("kept.db"), "somebody's");
  EXPECT_EQ(Files().size(), 2U);
  EXPECT_EQ(GetFromCopy("copy.db", "s"), "before");
}

TEST_F(SqliteCopyTest, OneIsMadeAtATimeInAFolder) {
  CopyRequest request = Request();
  absl::Status second;
  request.progress = [&](const CopyProgress& progress) {
    if (progress.checking) second = Copy(Request("second.db")).status();
  };
  ASSERT_TRUE(Copy(request).ok());
  EXPECT_EQ(second.code(), absl::StatusCode::kAborted) << second;
  EXPECT_THAT(Files(), ElementsAre("copy.db"));
}

TEST_F(SqliteCopyTest, AnotherFileInThePlaceOfTheStoreIsNotCopied) {
  CopyRequest request = Request();
  request.in_place = [] { return Error(absl::StatusCode::kUnavailable, kDatabaseMoved, "moved"); };
  EXPECT_EQ(ReasonOf(Copy(request).status()), kDatabaseMoved);
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SqliteCopyTest, ADamagedStoreIsNotTakenForACopy) {
  backend_.reset();
  {
    // A page of the large values' own: what leads from one to the next is lost.
    std::fstream file(store_, std::ios::in | std::ios::out | std::ios::binary);
    const std::string zeros(4096, '\0');
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(store_) / 2 / 4096 * 4096));
    file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
  }
  const auto copied = Copy(Request());
  EXPECT_TRUE(absl::IsDataLoss(copied.status())) << copied.status();
  EXPECT_EQ(ReasonOf(copied.status()), kCorruptValue);
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SqliteCopyTest, AFolderThatIsNotThereIsNamed) {
  std::filesystem::remove(folder_);
  const auto copied = Copy(Request());
  EXPECT_EQ(copied.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(copied.status()), kNoCopyFolder);
  EXPECT_THAT(std::string(copied.status().message()), testing::HasSubstr(folder_));
}

}  // namespace
}  // namespace authstate::storage
