// What the PostgreSQL driver makes of a real PgBouncer: found by asking, and served without session state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/postgres_test.h"
#include "tests/support/test_pgbouncer.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using test::TestPgBouncer;

constexpr absl::Duration kPatience = absl::Seconds(60);

class PoolerTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    options_.url = url();
  }

  void PutBetween(TestPgBouncer::Mode mode, int pool_size) {
    auto pooler = TestPgBouncer::Create({mode, postgres().port(), pool_size});
    ASSERT_TRUE(pooler.ok()) << pooler.status();
    pooler_ = *std::move(pooler);
    options_.url = pooler_->Through(options_.url);
  }
  void Open() {
    auto backend = OpenPostgresBackend(options_);
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *std::move(backend);
  }

  absl::StatusOr<Applied> SetKey(std::string session_id) {
    Commit commit;
    commit.session_id = std::move(session_id);
    commit.id = 1;
    commit.sets = {{{"t", "1"}, {ValueKind::kRaw, "v"}}};
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend_->Apply({commit}, absl::Now() + kPatience, answer.Done());
    return answer.Await().front();
  }
  // Enough commits at once that every connection has some.
  void SetKeysAtOnce(const std::string& prefix) {
    constexpr int kCommits = 100;
    std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> answers(kCommits);
    for (int i = 0; i < kCommits; ++i) {
      Commit commit;
      commit.session_id = absl::StrCat(prefix, i);
      commit.sets = {{{"t", "1"}, {ValueKind::kRaw, "v"}}};
      backend_->Apply({commit}, absl::Now() + kPatience, answers[i].Done());
    }
    for (auto& answer : answers) {
      const auto applied = answer.Await().front();
      EXPECT_TRUE(applied.ok()) << applied.status();
    }
  }

  absl::StatusOr<std::unique_ptr<Snapshot>> Snap(std::string session_id, absl::Duration patience) {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> answer;
    backend_->OpenSnapshot({std::move(session_id)}, absl::Now() + patience, answer.Done());
    return answer.Await();
  }

  std::string Mode() { return backend_->Describe().pooler; }
  PostgresOptions& options() { return options_; }

 private:
  std::unique_ptr<TestPgBouncer> pooler_;
  PostgresOptions options_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(PoolerTest, DirectConnectionIsRecognised) {
  Open();
  EXPECT_EQ(Mode(), "none");
  SetKeysAtOnce("s");
  EXPECT_EQ(Mode(), "none");
}

TEST_F(PoolerTest, SessionModeIsRecognisedAndStatementsArePrepared) {
  PutBetween(TestPgBouncer::Mode::kSession, 10);
  Open();
  EXPECT_EQ(Mode(), "session");
  SetKeysAtOnce("s");
  EXPECT_EQ(Mode(), "session");
}

TEST_F(PoolerTest, TransactionModeIsRecognisedWhateverTheSizeOfItsPool) {
  for (const int pool_size : {2, 4, 20}) {
    PutBetween(TestPgBouncer::Mode::kTransaction, pool_size);
    Open();
    EXPECT_EQ(Mode(), "transaction") << pool_size;
    SetKeysAtOnce(absl::StrCat("pool", pool_size, "-"));
  }
}

// Where a pooler keeps its clients waiting for a connection, nobody waits longer than he said.
TEST_F(PoolerTest, FullPoolIsNamedAndNobodyWaitsBeyondHisDeadline) {
  PutBetween(TestPgBouncer::Mode::kSession, 4);
  options().connect_timeout = absl::Seconds(1);
  Open();
  const auto applied = SetKey("s");
  ASSERT_TRUE(applied.ok()) << applied.status();
  // There are four; the backend wants eight.
  constexpr int kSnapshots = 20;
  for (int i = 0; i < kSnapshots; ++i) {
    const auto snapshot = Snap("s", kPatience);
    EXPECT_TRUE(snapshot.ok() || absl::IsResourceExhausted(snapshot.status())) << snapshot.status();
  }
  SetKeysAtOnce("s");

  // Another takes them all.
  const absl::Status other = OpenPostgresBackend(options()).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(other.message()), ::testing::HasSubstr("a pooler whose pool is full"));
}

// A pooler that was taken for one in session mode: names of statements are missed, or are there already.
TEST_F(PoolerTest, LostStatementNamesAreDoneWithoutUnseen) {
  PutBetween(TestPgBouncer::Mode::kTransaction, 2);
  options().pooler = PoolerMode::kSession;
  Open();
  EXPECT_EQ(Mode(), "session");
  SetKeysAtOnce("s");
  EXPECT_EQ(Mode(), "transaction");
  const auto first = SetKey("t");
  const auto replayed = SetKey("t");
  ASSERT_TRUE(first.ok() && replayed.ok());
  EXPECT_EQ(first->revision, 1U);
  EXPECT_EQ(replayed->revision, 1U);
}

}  // namespace
}  // namespace authstate::storage
