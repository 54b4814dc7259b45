// What is particular to SQLite: a file that others have too, and a disk and a system that refuse.
#include "storage/sqlite/sqlite_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/error.h"
#include "storage/sqlite/commit_applier.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/group_writer.h"
#include "storage/sqlite/sqlite_schema.h"
#include "storage/sqlite/statements.h"
#include "storage/sqlite/write_job.h"
#include "storage/store_clock.h"
#include "tests/conformance/await.h"
#include "tests/support/temp_dir.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

Commit SetCreds(const std::string& session_id, std::string bytes) {
  Commit commit;
  commit.session_id = session_id;
  commit.creds = Value{ValueKind::kRaw, std::move(bytes)};
  return commit;
}

class SqliteBackendTest : public testing::Test {
 protected:
  SqliteOptions Options() {
    SqliteOptions options;
    options.path = path_;
    return options;
  }

  static absl::StatusOr<Applied> Apply(Backend& backend, Commit commit) {
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    std::vector<Commit> commits;
    commits.push_back(std::move(commit));
    backend.Apply(std::move(commits), Soon(), answer.Done());
    return answer.Await().front();
  }

  static absl::StatusOr<ReadResult> Read(Backend& backend, const std::string& session_id) {
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    backend.Read({{session_id, true, {}}}, Soon(), answer.Done());
    return answer.Await().front();
  }

  static absl::Status Ping(Backend& backend) {
    Answer<absl::Status> answer;
    backend.Ping(Soon(), answer.Done());
    return answer.Await();
  }

  static absl::Status Snap(Backend& backend, const std::string& session_id) {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> answer;
    backend.OpenSnapshot({session_id}, Soon(), answer.Done());
    return answer.Await().status();
  }

  test::TempDir directory_;
  const std::string path_ = directory_.File("authstate.db");
};

TEST_F(SqliteBackendTest, CommitOnADamagedRowIsKnownNotToBeApplied) {
  auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  ASSERT_TRUE(Apply(**backend, SetCreds("s", "v")).ok());
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE auth_sessions SET revision = 9");
  const absl::Status refused = Apply(**backend, SetCreds("s", "w")).status();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_EQ(OutcomeOf(refused), Outcome::kNotApplied);
  EXPECT_TRUE(absl::IsDataLoss(Read(**backend, "s").status()));
}

TEST_F(SqliteBackendTest, SessionWhoseRowSaysThatThereIsNoneIsListedAndIsDamaged) {
  auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  Commit keys;
  keys.session_id = "keys";
  keys.sets = {{{"t", "1"}, {ValueKind::kRaw, "v"}}};
  ASSERT_TRUE(Apply(**backend, std::move(keys)).ok());
  for (const char* const id : {"creds", "deleted"}) ASSERT_TRUE(Apply(**backend, SetCreds(id, "v")).ok());
  Commit deletion;
  deletion.session_id = "deleted";
  deletion.action = Commit::Action::kDeleteSession;
  ASSERT_TRUE(Apply(**backend, std::move(deletion)).ok());
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE auth_sessions SET present = 0");
  Answer<absl::StatusOr<std::vector<SessionSummary>>> listed;
  (*backend)->List({"", "", 10}, Soon(), listed.Done());
  const auto sessions = listed.Await();
  ASSERT_TRUE(sessions.ok()) << sessions.status();
  std::vector<std::string> ids;
  for (const SessionSummary& session : *sessions) ids.push_back(session.session_id);
  EXPECT_THAT(ids, ElementsAre("creds", "keys"));
  for (const std::string& id : ids) EXPECT_TRUE(absl::IsDataLoss(Read(**backend, id).status())) << id;
}

TEST_F(SqliteBackendTest, AKeyOfBeforeTimesWereKeptIsOfUnknownTimeUntilItIsWritten) {
  auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  const auto set = [](const std::string& id) {
    Commit commit;
    commit.session_id = "s";
    commit.sets = {{{"t", id}, {ValueKind::kRaw, "v"}}};
    return commit;
  };
  ASSERT_TRUE(Apply(**backend, set("1")).ok() && Apply(**backend, set("2")).ok());
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE auth_keys SET changed_at = NULL");
  ASSERT_TRUE(Apply(**backend, set("2")).ok());
  const auto select = [&backend](std::optional<absl::Duration> unchanged_for) {
    SnapshotRequest request{"s"};
    request.want_values = false;
    request.unchanged_for = unchanged_for;
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> opened;
    (*backend)->OpenSnapshot(std::move(request), Soon(), opened.Done());
    const auto snapshot = opened.Await();
    Answer<absl::StatusOr<Snapshot::Page>> page;
    (*snapshot)->Next(1'000, Soon(), page.Done());
    return page.Await()->summaries;
  };
  const auto all = select(std::nullopt);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_FALSE(all[0].change_time.has_value());
  EXPECT_TRUE(all[1].change_time.has_value());
  const auto unchanged = select(absl::ZeroDuration());
  ASSERT_EQ(unchanged.size(), 1U);
  EXPECT_EQ(unchanged[0].name.id, "2");
}

TEST_F(SqliteBackendTest, ANewStoreIsToldByItsAbsolutePathAndAnOldOneNot) {
  const std::filesystem::path before = std::filesystem::current_path();
  const absl::Cleanup go_back = [&before] { std::filesystem::current_path(before); };
  std::filesystem::current_path(directory_.path());
  std::vector<std::string> created;
  for (int i = 0; i < 2; ++i) {
    SqliteOptions options;
    options.path = "authstate.db";
    options.on_created = [&created](const std::string& path) { created.push_back(path); };
    const auto backend = OpenSqliteBackend(options);
    ASSERT_TRUE(backend.ok()) << backend.status();
    EXPECT_EQ((*backend)->Describe().location, path_);
  }
  EXPECT_THAT(created, ElementsAre(path_));
}

TEST_F(SqliteBackendTest, StoreIsToldFromOthersAndACopyOfItIsNot) {
  const auto id = [this](const std::string& path) {
    SqliteOptions options = Options();
    options.path = path;
    const auto backend = OpenSqliteBackend(options);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return backend.ok() ? (*backend)->Describe().store_id : "";
  };
  const std::string made = id(path_);
  EXPECT_EQ(made.size(), 32U);
  EXPECT_EQ(id(path_), made);
  const std::string copy = directory_.File("copy.db");
  ASSERT_TRUE(std::filesystem::copy_file(path_, copy));
  EXPECT_EQ(id(copy), made);
  EXPECT_NE(id(directory_.File("other.db")), made);
  // One of a version before gets its own when it is opened next.
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("PRAGMA application_id = 0");
  const std::string given = id(path_);
  EXPECT_EQ(given.size(), 32U);
  EXPECT_NE(given, std::string(32, '0'));
  EXPECT_EQ(id(path_), given);
}

TEST_F(SqliteBackendTest, NoStoreIsMadeWhereNoneMayBe) {
  SqliteOptions options = Options();
  options.create = false;
  const auto absent = OpenSqliteBackend(options).status();
  EXPECT_TRUE(absl::IsNotFound(absent)) << absent;
  EXPECT_THAT(std::string(absent.message()), AllOf(StartsWith(path_), HasSubstr("--no-create")));
  EXPECT_FALSE(std::filesystem::exists(path_));

  std::ofstream(path_).close();
  const auto empty = OpenSqliteBackend(options).status();
  EXPECT_TRUE(absl::IsNotFound(empty)) << empty;
  EXPECT_EQ(std::filesystem::file_size(path_), 0U);

  ASSERT_TRUE(OpenSqliteBackend(Options()).ok());
  EXPECT_TRUE(OpenSqliteBackend(options).ok());
}

TEST_F(SqliteBackendTest, AFileOfAnotherProgramIsLeftAsItWas) {
  SQLite::Database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE theirs (x)");
  const auto bytes = [this] {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  };
  const std::string before = bytes();
  EXPECT_EQ(ReasonOf(OpenSqliteBackend(Options()).status()), kSchemaUnknown);
  EXPECT_EQ(bytes(), before);
}

TEST_F(SqliteBackendTest, NoOtherNameOfTheFileLeadsAroundItsLock) {
  const auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  const std::string symbolic = directory_.File("symbolic.db");
  const std::string hard = directory_.File("hard.db");
  ASSERT_EQ(symlink(path_.c_str(), symbolic.c_str()), 0);
  ASSERT_EQ(link(path_.c_str(), hard.c_str()), 0);
  for (const std::string& name : {path_, symbolic, hard}) {
    SqliteOptions options = Options();
    options.path = name;
    const auto second = OpenSqliteBackend(options).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(second)) << name << ": " << second;
  }
  // No lock stands there to be deleted.
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_THAT(entry.path().filename().string(), testing::AnyOf("authstate.db", "authstate.db-wal", "authstate.db-shm",
                                                                 "authstate.db.made", "symbolic.db", "hard.db"));
  }
  EXPECT_TRUE(Apply(**backend, SetCreds("s", "1")).ok());
}

TEST_F(SqliteBackendTest, WithoutDescriptorsReadsGoOnAndSnapshotsAreUnavailableMeanwhile) {
  {
    const auto backend = OpenSqliteBackend(Options());
    ASSERT_TRUE(backend.ok()) << backend.status();
    ASSERT_TRUE(Apply(**backend, SetCreds("s", "1")).ok());
  }
  const auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<absl::Status> reads;
  reads.reserve(8);
  for (int i = 0; i < 8; ++i) reads.push_back(Read(**backend, "s").status());
  const absl::Status silent = Ping(**backend);
  const absl::Status refused = Snap(**backend, "s");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  for (const absl::Status& status : reads) EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(silent.ok()) << silent;
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_EQ(ReasonOf(refused), kDatabaseUnavailable);
  EXPECT_TRUE(Snap(**backend, "s").ok());
}

// SQLite opens the log for the first statement of a connection, so to make that fails where no descriptor is left.
TEST_F(SqliteBackendTest, AStatementThatCouldNotBeMadeLeavesNothingBehind) {
  const auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  SqliteConnection connection(path_, SqliteConnection::Mode::kReadOnly);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_THROW((void)connection.Prepare(sql::kPing), SQLite::Exception);
  connection.RollBackQuietly();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(connection.Prepare(sql::kPing).executeStep());
}

TEST_F(SqliteBackendTest, AGarbledFileIsSaidAndReadAgainOnceItIsPutRight) {
  {
    const auto backend = OpenSqliteBackend(Options());
    ASSERT_TRUE(backend.ok()) << backend.status();
    ASSERT_TRUE(Apply(**backend, SetCreds("s", "1")).ok());
  }
  const std::string copy = directory_.File("copy");
  ASSERT_TRUE(std::filesystem::copy_file(path_, copy));
  const auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  const auto overwrite = [this](const std::string& bytes) {
    std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  overwrite(std::string(std::filesystem::file_size(path_), 'x'));
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(Read(**backend, "s").ok());
  std::ostringstream good;
  good << std::ifstream(copy, std::ios::binary).rdbuf();
  overwrite(good.str());
  for (int i = 0; i < 8; ++i) {
    const auto read = Read(**backend, "s");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->creds, (Value{ValueKind::kRaw, "1"}));
  }
}

TEST_F(SqliteBackendTest, AStoreThatCannotBeWrittenGivesNoSignOfLifeUntilItCan) {
  const auto backend = OpenSqliteBackend(Options());
  ASSERT_TRUE(backend.ok()) << backend.status();
  ASSERT_TRUE(Apply(**backend, SetCreds("s", "1")).ok());
  const auto ping = [&backend] { return Ping(**backend); };
  EXPECT_TRUE(ping().ok());

  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto refused = Apply(**backend, SetCreds("s", "2")).status();
  const auto silent = ping();
  const auto read = Read(**backend, "s");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_TRUE(absl::IsUnavailable(silent)) << silent;
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->creds, (Value{ValueKind::kRaw, "1"}));

  EXPECT_TRUE(ping().ok());
  EXPECT_TRUE(Apply(**backend, SetCreds("s", "3")).ok());
}

// A job that tells which thread did it, and does what it is told to meanwhile.
class ToldJob final : public WriteJob {
 public:
  ToldJob(std::function<void()> work, absl::AnyInvocable<void(std::thread::id) &&> done)
      : WriteJob(Soon()), work_(std::move(work)), done_(std::move(done)) {}

  std::size_t size() const override { return 1; }
  bool DoNext(SqliteConnection& /*connection*/, absl::Time /*now*/) override {
    by_ = std::this_thread::get_id();
    work_();
    return true;
  }
  void FailNext(const absl::Status& status) override { FAIL() << status; }
  void FailAll(const absl::Status& status) override { FAIL() << status; }
  void Answer() override { std::move(done_)(by_); }

 private:
  const std::function<void()> work_;
  absl::AnyInvocable<void(std::thread::id) &&> done_;
  std::thread::id by_;
};

class GroupWriterTest : public SqliteBackendTest {
 protected:
  GroupWriterTest() {
    auto connection = std::make_unique<SqliteConnection>(path_, SqliteConnection::Mode::kReadWrite);
    EXPECT_TRUE(PrepareSqliteSchema(*connection, false, true).ok());
    writer_.emplace(std::move(connection), clock_, nullptr, 16, nullptr);
  }

  const StoreClock clock_;
  std::optional<GroupWriter> writer_;
};

TEST_F(GroupWriterTest, ASmallJobThatFindsNobodyAtWorkIsDoneByTheThreadThatBringsIt) {
  std::thread::id by;
  // The first one of a process may take its time.
  while (by != std::this_thread::get_id()) {
    absl::Notification answered;
    writer_->TakeSmall(std::make_unique<ToldJob>([] {},
                                                 [&](std::thread::id id) {
                                                   by = id;
                                                   answered.Notify();
                                                 }));
    answered.WaitForNotification();
  }
}

TEST_F(GroupWriterTest, ASmallJobWaitsForNobody) {
  absl::Notification begun;
  absl::Notification go_on;
  Answer<std::thread::id> first;
  writer_->Take(std::make_unique<ToldJob>(
      [&] {
        begun.Notify();
        go_on.WaitForNotification();
      },
      first.Done()));
  begun.WaitForNotification();
  Answer<std::thread::id> second;
  writer_->TakeSmall(std::make_unique<ToldJob>([] {}, second.Done()));
  go_on.Notify();
  const std::thread::id writers = first.Await();
  EXPECT_NE(writers, std::this_thread::get_id());
  EXPECT_EQ(second.Await(), writers);
}

TEST_F(GroupWriterTest, AfterACommitThatTookLongTheWritersOwnThreadDoesTheNextOne) {
  Answer<std::thread::id> slow;
  writer_->Take(std::make_unique<ToldJob>([] { absl::SleepFor(absl::Milliseconds(20)); }, slow.Done()));
  const std::thread::id writers = slow.Await();
  Answer<std::thread::id> next;
  writer_->TakeSmall(std::make_unique<ToldJob>([] {}, next.Done()));
  EXPECT_EQ(next.Await(), writers);
}

// A store that may not grow stands for a full disk: SQLite tells and does the same in both cases.
TEST_F(SqliteBackendTest, AFullDiskIsToldAsSuchAndTheWriterGoesOn) {
  auto connection = std::make_unique<SqliteConnection>(path_, SqliteConnection::Mode::kReadWrite);
  ASSERT_TRUE(PrepareSqliteSchema(*connection, false, true).ok());
  connection->database().exec("PRAGMA max_page_count = 64");
  // So that a large change reaches the file within its transaction.
  connection->database().exec("PRAGMA cache_size = 8");
  const StoreClock clock;
  GroupWriter writer(std::move(connection), clock, nullptr, 16, nullptr);
  const SessionKeys keys(nullptr);
  const auto apply = [&writer, &keys](std::vector<Commit> commits) {
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    writer.Take(std::make_unique<BatchJob<Commit, Applied>>(
        std::move(commits), Soon(),
        [&keys](SqliteConnection& connection, const Commit& commit, absl::Time now) {
          return ApplyCommit(connection, commit, now, keys);
        },
        answer.Done()));
    return answer.Await();
  };
  ASSERT_TRUE(apply({SetCreds("s", "small")})[0].ok());
  EXPECT_FALSE(writer.failing());

  std::mt19937 random;  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bytes in every run, that do not compress
  std::string noise;
  for (int i = 0; i < 1'000'000; ++i) noise.push_back(static_cast<char>(random()));
  for (const auto& result : apply({SetCreds("a", "before"), SetCreds("s", noise), SetCreds("b", "after")})) {
    EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
    EXPECT_EQ(ReasonOf(result.status()), kDiskFull);
    EXPECT_EQ(OutcomeOf(result.status()), Outcome::kNotApplied);
  }
  EXPECT_TRUE(writer.failing());
  const auto next = apply({SetCreds("s", "small again")});
  ASSERT_TRUE(next[0].ok()) << next[0].status();
  EXPECT_EQ(next[0]->revision, 2U);
  EXPECT_FALSE(writer.failing());
}

}  // namespace
}  // namespace authstate::storage
