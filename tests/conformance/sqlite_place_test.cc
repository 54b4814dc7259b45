// A database whose files are taken away, renamed or replaced: while it is open, and before it is opened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/error.h"
#include "storage/sqlite/sqlite_backend.h"
#include "storage/sqlite/sqlite_schema_store.h"
#include "tests/conformance/await.h"
#include "tests/conformance/lease_requests.h"
#include "tests/support/temp_dir.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using std::filesystem::copy_file;
using std::filesystem::exists;
using std::filesystem::file_size;
using std::filesystem::remove;
using std::filesystem::rename;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

class SqlitePlaceTest : public testing::Test {
 protected:
  static absl::StatusOr<std::unique_ptr<Backend>> Open(const std::string& path) {
    SqliteOptions options;
    options.path = path;
    return OpenSqliteBackend(options);
  }

  void MustOpen() {
    backend_.reset();
    auto opened = Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    backend_ = *std::move(opened);
  }

  absl::Status Write(const std::string& bytes) {
    Commit commit;
    commit.session_id = "s";
    commit.creds = Value{ValueKind::kRaw, bytes};
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend_->Apply({commit}, Soon(), answer.Done());
    return answer.Await().front().status();
  }

  // The creds of the session; empty where there are none.
  static std::string Creds(Backend& backend) {
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    backend.Read({{"s", true, {}}}, Soon(), answer.Done());
    const absl::StatusOr<ReadResult> read = answer.Await().front();
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() && read->creds.has_value() ? read->creds->bytes : "";
  }

  absl::Status Lease() {
    Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
    backend_->Leases({conformance::Acquire("s", "o")}, Soon(), answer.Done());
    return answer.Await().front().status();
  }

  absl::Status Ping() {
    Answer<absl::Status> answer;
    backend_->Ping(Soon(), answer.Done());
    return answer.Await();
  }

  absl::Status Snap() {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> answer;
    backend_->OpenSnapshot({"s"}, Soon(), answer.Done());
    return answer.Await().status();
  }

  void ExpectRefusal() {
    for (const absl::Status& status : {Ping(), Write("refused"), Lease(), Snap(), Ping()}) {
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
      EXPECT_EQ(ReasonOf(status), kDatabaseMoved) << status;
    }
    EXPECT_EQ(OutcomeOf(Write("refused")), Outcome::kNotApplied);
    // More often than there are readers, so that each of them shows which files it has open.
    for (int i = 0; i < 8; ++i) EXPECT_EQ(Creds(*backend_), "kept");
  }

  void ExpectService() {
    EXPECT_TRUE(Ping().ok()) << Ping();
    EXPECT_TRUE(Write("later").ok());
    EXPECT_TRUE(Snap().ok()) << Snap();
    EXPECT_EQ(Creds(*backend_), "later");
  }

  test::TempDir directory_;
  const std::string path_ = directory_.File("authstate.db");
  const std::string log_ = path_ + "-wal";
  const std::string marker_ = path_ + ".made";
  const std::string elsewhere_ = directory_.File("elsewhere");
  std::unique_ptr<Backend> backend_;
};

TEST_F(SqlitePlaceTest, ARenamedFileTakesNoWritesUntilItIsPutBack) {
  for (const std::string& file : {path_, log_}) {
    MustOpen();
    ASSERT_TRUE(Write("kept").ok());
    rename(file, elsewhere_);
    ExpectRefusal();
    rename(elsewhere_, file);
    ExpectService();
  }
}

TEST_F(SqlitePlaceTest, AReplacedFileTakesNoWritesThoughItHoldsTheSame) {
  for (const std::string& file : {path_, log_}) {
    MustOpen();
    ASSERT_TRUE(Write("kept").ok());
    copy_file(file, elsewhere_);
    remove(file);
    rename(elsewhere_, file);
    ExpectRefusal();
  }
}

TEST_F(SqlitePlaceTest, AnEmptyStoreThatTookThePlaceAnswersNothing) {
  MustOpen();
  ASSERT_TRUE(Write("kept").ok());
  const std::string other = directory_.File("other.db");
  ASSERT_TRUE(Open(other).ok());
  rename(path_, elsewhere_);
  rename(other, path_);
  ExpectRefusal();
}

// Whoever stops the server, however abruptly, then finds in the database what stood in the log.
TEST_F(SqlitePlaceTest, WhatADeletedLogHeldIsPutIntoTheDatabase) {
  MustOpen();
  ASSERT_TRUE(Write("kept").ok());
  remove(log_);
  EXPECT_EQ(ReasonOf(Ping()), kDatabaseMoved);
  copy_file(path_, elsewhere_);
  const auto copy = Open(elsewhere_);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(Creds(**copy), "kept");

  MustOpen();
  EXPECT_EQ(Creds(*backend_), "kept");
  ExpectService();
}

TEST_F(SqlitePlaceTest, ALogWithoutItsDatabaseIsRefusedAndKept) {
  MustOpen();
  ASSERT_TRUE(Write("kept").ok());
  // As it stands after a crash: the log is there, and is not empty.
  const std::string crashed = directory_.File("crashed.db");
  copy_file(log_, crashed + "-wal");
  const auto bytes = file_size(log_);
  for (const bool empty : {false, true}) {
    if (empty) std::ofstream(crashed).close();
    const absl::Status refused = Open(crashed).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()),
                AllOf(StartsWith(crashed), HasSubstr(crashed + "-wal"), HasSubstr("Put it back")));
    EXPECT_EQ(exists(crashed), empty);
    EXPECT_EQ(file_size(crashed + "-wal"), bytes);
  }
  const absl::Status schema = OpenSqliteSchemaStore(crashed).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(schema)) << schema;
  EXPECT_EQ(file_size(crashed + "-wal"), bytes);

  copy_file(path_, crashed, std::filesystem::copy_options::overwrite_existing);
  const auto put_back = Open(crashed);
  ASSERT_TRUE(put_back.ok()) << put_back.status();
  EXPECT_EQ(Creds(**put_back), "kept");
}

TEST_F(SqlitePlaceTest, ALogBehindASymbolicLinkIsFoundBesideItsTarget) {
  const std::string target = directory_.File("target.db");
  std::filesystem::create_symlink("target.db", path_);
  MustOpen();
  ASSERT_TRUE(Write("kept").ok());
  ExpectService();
  remove(target);
  EXPECT_EQ(ReasonOf(Ping()), kDatabaseMoved);
  backend_.reset();
  ASSERT_TRUE(exists(target + "-wal"));
  const absl::Status refused = Open(path_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr(target + "-wal"));
}

TEST_F(SqlitePlaceTest, NoEmptyStoreTakesThePlaceOfOneThatIsGone) {
  MustOpen();
  ASSERT_TRUE(Write("kept").ok());
  backend_.reset();
  rename(path_, elsewhere_);
  for (const bool empty : {false, true}) {
    if (empty) std::ofstream(path_).close();
    const absl::Status refused = Open(path_).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), AllOf(StartsWith(path_), HasSubstr(marker_), HasSubstr("delete")));
    EXPECT_EQ(exists(path_) ? file_size(path_) : 0U, 0U);
  }
  rename(elsewhere_, path_);
  MustOpen();
  EXPECT_EQ(Creds(*backend_), "kept");
}

TEST_F(SqlitePlaceTest, WhoDeletesTheMarkerTooBeginsAnew) {
  MustOpen();
  backend_.reset();
  remove(path_);
  remove(marker_);
  MustOpen();
  EXPECT_TRUE(exists(marker_));
}

TEST_F(SqlitePlaceTest, AStoreWithoutAMarkerIsServedAndGetsOne) {
  MustOpen();
  ASSERT_TRUE(Write("kept").ok());
  backend_.reset();
  remove(marker_);
  MustOpen();
  EXPECT_EQ(Creds(*backend_), "kept");
  EXPECT_TRUE(exists(marker_));
}

}  // namespace
}  // namespace authstate::storage
