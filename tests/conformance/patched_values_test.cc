// Long values of which only what has changed is written (storage/postgres/layout/value_patch.h), on a real PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/growing_record.h"
#include "tests/support/postgres_test.h"
#include "tests/support/proxy/tcp_proxy.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using test::GrowingRecord;
using test::StatementFault;
using test::TcpProxy;
using ::testing::Optional;

constexpr absl::Duration kPatience = absl::Seconds(60);
const KeyName kName = {"session", "1"};
// 100 kB, and one whose patches outgrow their share after some turns.
constexpr std::size_t kLong = 900;
constexpr std::size_t kShort = 220;
// 10 kB, as most records of a Signal session are: too little for a commit of a client.
constexpr std::size_t kUsual = 90;

class PatchedValuesTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    server_ = Open(url());
    other_server_ = Open(url());
  }

  static std::unique_ptr<Backend> Open(const std::string& url, std::size_t patch_base_bytes = std::size_t{1} << 20) {
    PostgresOptions options;
    options.url = url;
    options.patch_base_bytes = patch_base_bytes;
    auto backend = OpenPostgresBackend(options);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return *std::move(backend);
  }

  // The revision that it led to; 0 when it failed.
  static std::uint64_t Apply(Backend& backend, Commit commit) {
    if (commit.session_id.empty()) commit.session_id = "s";
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend.Apply({std::move(commit)}, absl::Now() + kPatience, answer.Done());
    const auto applied = answer.Await().front();
    EXPECT_TRUE(applied.ok()) << applied.status();
    return applied.ok() ? applied->revision : 0;
  }
  static std::uint64_t Write(Backend& backend, const GrowingRecord& record, std::uint64_t id = 0) {
    Commit commit;
    commit.id = id;
    commit.sets = {{kName, record.value()}};
    return Apply(backend, std::move(commit));
  }
  static absl::StatusOr<ReadResult> Read(Backend& backend, std::size_t max_bytes = std::size_t{1} << 20,
                                         const std::string& session_id = "s") {
    ReadRequest request;
    request.session_id = session_id;
    request.keys = {kName};
    request.max_bytes = max_bytes;
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    backend.Read({std::move(request)}, absl::Now() + kPatience, answer.Done());
    return std::move(answer.Await().front());
  }
  static void ExpectStored(Backend& backend, const GrowingRecord& record, const std::string& session_id = "s") {
    const auto read = Read(backend, std::size_t{1} << 20, session_id);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->values.front(), record.value());
  }
  static absl::StatusOr<Snapshot::Page> ReadSnapshot(Backend& backend) {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> opened;
    backend.OpenSnapshot({"s"}, absl::Now() + kPatience, opened.Done());
    auto snapshot = opened.Await();
    if (!snapshot.ok()) return snapshot.status();
    Answer<absl::StatusOr<Snapshot::Page>> answer;
    (*snapshot)->Next(std::size_t{1} << 20, absl::Now() + kPatience, answer.Done());
    return answer.Await();
  }

  bool IsPatched() { return Query("SELECT kind > 4 AND patch IS NOT NULL FROM authstate.auth_keys") == "t"; }
  // What is stored: a base and a patch.
  GrowingRecord Patched() {
    GrowingRecord record(kLong);
    Write(server(), record);
    record.Turn();
    Write(server(), record);
    EXPECT_TRUE(IsPatched());
    return record;
  }
  std::string Base() { return Query("SELECT md5(value) FROM authstate.auth_keys"); }
  std::int64_t LogPosition() {
    std::int64_t position = 0;
    EXPECT_TRUE(absl::SimpleAtoi(Query("SELECT (pg_current_wal_insert_lsn() - '0/0')::int8"), &position));
    return position;
  }
  // How much is logged for some turns of the record.
  std::int64_t LoggedFor(Backend& backend, GrowingRecord& record) {
    constexpr int kTurns = 20;
    Sql("CHECKPOINT");
    Write(backend, record);
    const std::int64_t before = LogPosition();
    for (int i = 0; i < kTurns; ++i) {
      record.Turn();
      Write(backend, record);
    }
    return LogPosition() - before;
  }

  Backend& server() { return *server_; }
  Backend& other_server() { return *other_server_; }
  static int port() { return postgres().port(); }

 private:
  std::unique_ptr<Backend> server_;
  std::unique_ptr<Backend> other_server_;
};

TEST_F(PatchedValuesTest, RewritesComeBackAtAllServers) {
  GrowingRecord record(kShort);
  std::uint64_t revision = 0;
  int patched = 0;
  int bases = 0;
  std::string base;
  constexpr int kTurns = 80;
  for (int i = 0; i < kTurns; ++i) {
    record.Turn();
    EXPECT_EQ(Write(server(), record), ++revision);
    ASSERT_NO_FATAL_FAILURE(ExpectStored(other_server(), record));
    patched += IsPatched() ? 1 : 0;
    if (std::exchange(base, Base()) != base) ++bases;
  }
  EXPECT_GT(bases, 1) << "it is written whole again once the patch is too long";
  EXPECT_EQ(patched, kTurns - bases);
}

TEST_F(PatchedValuesTest, RewriteIsAThirdInTheLog) {
  const std::unique_ptr<Backend> whole = Open(url(), 0);
  GrowingRecord record(kLong);
  Write(server(), record);
  const std::int64_t logged_whole = LoggedFor(*whole, record);
  EXPECT_FALSE(IsPatched());
  const std::int64_t logged = LoggedFor(server(), record);
  EXPECT_TRUE(IsPatched());
  EXPECT_LT(logged, logged_whole / 3);
}

// What takes the database after another store is of many commits, and nobody waits for it.
TEST_F(PatchedValuesTest, WhatIsFlushedIsPatchedWhereItIsShorter) {
  const auto logged_for = [this](Backend& backend, const std::string& session_id) {
    GrowingRecord record(kUsual);
    std::int64_t before = 0;
    for (std::uint64_t revision = 1; revision <= 20; ++revision) {
      Commit commit;
      commit.session_id = session_id;
      commit.sets = {{kName, record.value()}};
      commit.carried.emplace();
      commit.carried->revision = 3 * revision;
      Apply(backend, std::move(commit));
      if (revision == 1) {
        Sql("CHECKPOINT");
      } else if (revision == 2) {
        before = LogPosition();
      }
      ExpectStored(other_server(), record, session_id);
      record.Turn();
    }
    return LogPosition() - before;
  };
  const std::unique_ptr<Backend> whole = Open(url(), 0);
  const std::int64_t logged_whole = logged_for(*whole, "whole");
  const std::int64_t logged = logged_for(server(), "s");
  EXPECT_LT(logged, logged_whole / 2);
  EXPECT_EQ(Query("SELECT count(*) FROM authstate.auth_keys WHERE session_id = 's' AND patch IS NOT NULL"), "1");
}

TEST_F(PatchedValuesTest, BaseThatAnotherServerReplacedIsNotPatched) {
  GrowingRecord record(kLong);
  Write(server(), record);
  record.Turn();
  Write(other_server(), record);
  record.Turn();
  EXPECT_EQ(Write(server(), record), 3U);
  EXPECT_FALSE(IsPatched());
  ExpectStored(other_server(), record);
  record.Turn();
  Write(server(), record);
  EXPECT_TRUE(IsPatched());
  ExpectStored(other_server(), record);
}

TEST_F(PatchedValuesTest, PatchOfAnotherServerIsReplaced) {
  GrowingRecord record = Patched();
  record.Turn();
  Write(other_server(), record);
  EXPECT_FALSE(IsPatched());
  EXPECT_EQ(Query("SELECT patch IS NULL FROM authstate.auth_keys"), "t");
  ExpectStored(server(), record);
}

TEST_F(PatchedValuesTest, DeletedBaseIsNotPatched) {
  GrowingRecord record(kLong);
  for (const bool with_session : {false, true}) {
    Write(server(), record);
    Commit deletion;
    if (with_session) {
      deletion.action = Commit::Action::kDeleteSession;
    } else {
      deletion.deletes = {kName};
    }
    Apply(other_server(), deletion);
    record.Turn();
    Write(server(), record);
    EXPECT_FALSE(IsPatched());
    ExpectStored(other_server(), record);
  }
}

TEST_F(PatchedValuesTest, MemberWithoutItsBaseDoesNotHoldUpTheOthers) {
  GrowingRecord record(kLong);
  Write(server(), record);
  record.Turn();
  Write(other_server(), record);
  record.Turn();
  std::vector<Commit> commits(2);
  commits[0].session_id = "s";
  commits[0].sets = {{kName, record.value()}};
  commits[1].session_id = "t";
  commits[1].sets = {{kName, {ValueKind::kRaw, "short"}}};
  Answer<std::vector<absl::StatusOr<Applied>>> answer;
  server().Apply(std::move(commits), absl::Now() + kPatience, answer.Done());
  for (const auto& applied : answer.Await()) EXPECT_TRUE(applied.ok()) << applied.status();
  ExpectStored(other_server(), record);
}

TEST_F(PatchedValuesTest, SnapshotsHaveThem) {
  GrowingRecord record = Patched();
  const auto page = ReadSnapshot(other_server());
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->keys.size(), 1U);
  EXPECT_EQ(page->keys.front().value, record.value());
  EXPECT_TRUE(page->last);
}

TEST_F(PatchedValuesTest, BoundOfAnAnswerIsThatOfTheValue) {
  GrowingRecord record = Patched();
  const std::size_t bytes = record.value().bytes.size();
  EXPECT_TRUE(Read(other_server(), bytes).ok());
  EXPECT_THAT(ReasonOf(Read(other_server(), bytes - 1).status()), Optional(std::string(kResponseTooLarge)));
}

TEST_F(PatchedValuesTest, DamageIsDataLossAndNeverAbsence) {
  GrowingRecord record = Patched();
  Sql("CREATE TABLE whole AS TABLE authstate.auth_keys");
  for (const std::string damage : {"value = overlay(value PLACING '\\x0102' FROM 1000)", "value = ''",
                                   "value = substr(value, 1, 5000)", "patch = overlay(patch PLACING '\\x0102' FROM 30)",
                                   "patch = ''", "patch = NULL", "patch = substr(patch, 1, octet_length(patch) - 1)"}) {
    Sql(absl::StrCat("UPDATE authstate.auth_keys SET ", damage));
    EXPECT_EQ(Read(other_server()).status().code(), absl::StatusCode::kDataLoss) << damage;
    EXPECT_EQ(ReadSnapshot(other_server()).status().code(), absl::StatusCode::kDataLoss) << damage;
    Sql("TRUNCATE authstate.auth_keys; INSERT INTO authstate.auth_keys SELECT * FROM whole");
  }
  ExpectStored(other_server(), record);
}

TEST_F(PatchedValuesTest, CommitInDoubtIsAppliedOnce) {
  auto proxy = TcpProxy::Create(port());
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  const auto cut =
      Open(absl::StrCat("postgresql://postgres@127.0.0.1:", (*proxy)->port(), url().substr(url().rfind('/'))));
  GrowingRecord record(kLong);
  std::uint64_t id = 0;
  Write(*cut, record, ++id);
  for (const auto moment : {StatementFault::Moment::kBefore, StatementFault::Moment::kReply}) {
    // A patch, and then a value that is written whole.
    for (const bool whole : {false, true}) {
      if (whole) record = GrowingRecord(kLong, static_cast<unsigned>(id) + 100);
      record.Turn();
      (*proxy)->Arm({"keys_set", moment, StatementFault::Effect::kReset});
      ++id;
      EXPECT_EQ(Write(*cut, record, id), id);
      const absl::Status fired = (*proxy)->AwaitFired(kPatience);
      ASSERT_TRUE(fired.ok()) << fired;
      ExpectStored(other_server(), record);
      // Whatever the server takes for the base now.
      record.Turn();
      EXPECT_EQ(Write(*cut, record, id + 1), id + 1);
      ++id;
      ExpectStored(other_server(), record);
    }
  }
}

TEST_F(PatchedValuesTest, WithoutRoomForItsBaseAValueIsWrittenWhole) {
  const std::unique_ptr<Backend> small = Open(url(), 1000);
  GrowingRecord record(kLong);
  for (int i = 0; i < 3; ++i) {
    record.Turn();
    Write(*small, record);
    EXPECT_FALSE(IsPatched());
    ExpectStored(other_server(), record);
  }
}

}  // namespace
}  // namespace authstate::storage
