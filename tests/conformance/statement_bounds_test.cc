// What the database goes on with after its caller has gone, behind a pooler in transaction mode: nobody's session has a
// time-out there, so each statement or transaction brings its own.
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/await.h"
#include "tests/conformance/lease_requests.h"
#include "tests/support/postgres_test.h"
#include "tests/support/test_pgbouncer.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using test::TestPgBouncer;
using test::TestPostgres;

constexpr absl::Duration kPatience = absl::Minutes(1);
// The time that a call in vain is given.
constexpr absl::Duration kShort = absl::Seconds(1);

// Another client of the database, in the middle of a transaction.
class Transaction {
 public:
  Transaction(const std::string& url, const std::string& sql) : connection_(url), work_(connection_) {
    work_.exec(sql);
  }

 private:
  pqxx::connection connection_;
  pqxx::work work_;
};

class StatementBoundsTest : public test::PostgresTest {
 protected:
  static void SetUpTestSuite() {
    ASSERT_NO_FATAL_FAILURE(PostgresTest::SetUpTestSuite());
    auto pooler = TestPgBouncer::Create({TestPgBouncer::Mode::kTransaction, postgres().port()});
    ASSERT_TRUE(pooler.ok()) << pooler.status();
    pooler_ = pooler->release();
  }
  static void TearDownTestSuite() {
    delete pooler_;
    pooler_ = nullptr;
    PostgresTest::TearDownTestSuite();
  }

  void SetUp() override {
    PostgresTest::SetUp();
    PostgresOptions options;
    options.url = pooler_->Through(url());
    options.call_timeout = 2 * kShort;
    auto backend = OpenPostgresBackend(options);
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *std::move(backend);
    const auto applied = Apply(SetKey(), absl::Now() + kPatience);
    ASSERT_TRUE(applied.ok()) << applied.status();
  }

  static Commit SetKey() {
    Commit commit;
    commit.session_id = "s";
    commit.sets = {{{"t", "1"}, {ValueKind::kRaw, "v"}}};
    return commit;
  }
  absl::StatusOr<Applied> Apply(Commit commit, absl::Time deadline) {
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    std::vector<Commit> commits;
    commits.push_back(std::move(commit));
    backend_->Apply(std::move(commits), deadline, answer.Done());
    return answer.Await().front();
  }

  Backend& backend() { return *backend_; }

  // While whoever is in the way still is: the database does nothing more for the server, and its connections are free.
  void ExpectNothingGoesOn() const {
    const absl::Status ended = TestPostgres::AwaitAnswer(
        postgres().url(),
        absl::StrCat("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'authstated' AND state <> 'idle' "
                     "AND datname = '",
                     url().substr(url().rfind('/') + 1), "'"),
        "0");
    EXPECT_TRUE(ended.ok()) << ended;
  }

 private:
  static TestPgBouncer* pooler_;
  std::unique_ptr<Backend> backend_;
};
TestPgBouncer* StatementBoundsTest::pooler_ = nullptr;

constexpr char kHoldSession[] = "SELECT FROM authstate.auth_sessions FOR UPDATE";
constexpr char kHoldOneSession[] = "SELECT FROM authstate.auth_sessions WHERE session_id = 's' FOR UPDATE";
constexpr char kHoldKeys[] = "LOCK TABLE authstate.auth_keys IN ACCESS EXCLUSIVE MODE";

TEST_F(StatementBoundsTest, CommitThatWaitsForARowEndsWithItsCaller) {
  const Transaction other(url(), kHoldSession);
  const auto applied = Apply(SetKey(), absl::Now() + kShort);
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kNotApplied) << applied.status();
  ExpectNothingGoesOn();
}

TEST_F(StatementBoundsTest, LeaseThatWaitsForARowEndsWithItsCaller) {
  const Transaction other(url(), kHoldSession);
  Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
  backend().Leases({conformance::Acquire("s", "o")}, absl::Now() + kShort, answer.Done());
  const auto result = answer.Await().front();
  EXPECT_EQ(OutcomeOf(result.status()), Outcome::kNotApplied) << result.status();
  ExpectNothingGoesOn();
}

TEST_F(StatementBoundsTest, LeaseThatWaitsForARowHoldsUpNoOtherOfItsCall) {
  std::vector<LeaseRequest> requests;
  for (const char* const session : {"p", "q", "s", "t", "u"}) requests.push_back(conformance::Acquire(session, "o"));
  const Transaction other(url(), kHoldOneSession);
  Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
  backend().Leases(requests, absl::Now() + kPatience, answer.Done());
  const auto results = answer.Await();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].session_id != "s") {
      EXPECT_TRUE(results[i].ok()) << requests[i].session_id << ": " << results[i].status();
    } else {
      EXPECT_EQ(results[i].status().code(), absl::StatusCode::kUnavailable) << results[i].status();
      EXPECT_EQ(OutcomeOf(results[i].status()), Outcome::kNotApplied) << results[i].status();
    }
  }
}

TEST_F(StatementBoundsTest, SnapshotThatWaitsForATableEndsWithItsCaller) {
  const Transaction other(url(), kHoldKeys);
  Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> opened;
  backend().OpenSnapshot({"s"}, absl::Now() + kShort, opened.Done());
  EXPECT_EQ(opened.Await().status().code(), absl::StatusCode::kDeadlineExceeded);
  ExpectNothingGoesOn();
}

}  // namespace
}  // namespace authstate::storage
