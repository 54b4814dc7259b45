// That PostgreSQL keeps the plans of the statements which serve every request, and does not plan them with each one;
// and that a listing is planned for its page.
#include <gmock/gmock.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/postgres_backend.h"
#include "storage/postgres/session/session_leases.h"
#include "storage/postgres/session/session_reader.h"
#include "storage/postgres/session/session_writer.h"
#include "storage/postgres/sql/row.h"
#include "tests/conformance/lease_requests.h"
#include "tests/support/postgres_test.h"

namespace authstate::storage {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);
// How often PostgreSQL plans a prepared statement for its parameters before it may keep a plan (plan_cache_mode auto).
constexpr int kPlansAtFirst = 5;
constexpr int kExecutions = 3 * kPlansAtFirst;

class StatementPlansTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    PostgresOptions options;
    options.url = url();
    const auto made = OpenPostgresBackend(options);
    ASSERT_TRUE(made.ok()) << made.status();
    const auto conninfo = ParseConninfo(url(), kPatience);
    ASSERT_TRUE(conninfo.ok()) << conninfo.status();
    connection_ = std::make_unique<PgConnection>(*conninfo, kPatience, timer_, nullptr, &names_);
  }

  // Commits of one key each, of many sessions.
  static std::vector<Commit> NewCommits(int members) {
    std::vector<Commit> commits(static_cast<std::size_t>(members));
    for (int member = 0; member < members; ++member) {
      Commit& commit = commits[static_cast<std::size_t>(member)];
      commit.session_id = absl::StrCat("s", member);
      commit.sets = {{{"session", "0"}, {ValueKind::kRaw, "value"}}};
    }
    return commits;
  }

  void Apply(std::vector<Commit> commits) {
    SessionWriter writer(NativeLayout(kOwnSchema), keys(), std::move(commits), absl::Now() + kPatience);
    ASSERT_FALSE(writer.Work(connection()).has_value());
    const auto results = writer.Finish();
    for (const auto& applied : results) ASSERT_TRUE(applied.ok()) << applied.status();
  }

  // As many sessions as a pool has, known to the planner; and a connection that has prepared nothing.
  void FillTables() {
    ASSERT_NO_FATAL_FAILURE(Apply(NewCommits(1000)));
    ASSERT_FALSE(connection().Execute("ANALYZE", {}, absl::Now() + kPatience).failure.has_value());
    connection().Drop();
  }

  // How often each prepared statement of the connection was run: by a plan of its own, and by the one that is kept.
  std::vector<std::pair<std::int64_t, std::int64_t>> Plans() {
    const auto found = connection_->Execute("SELECT custom_plans, generic_plans FROM pg_prepared_statements", {},
                                            absl::Now() + kPatience);
    EXPECT_FALSE(found.failure.has_value());
    std::vector<std::pair<std::int64_t, std::int64_t>> plans;
    for (const auto& row : found.rows) {
      auto& [by_own_plan, by_kept_plan] = plans.emplace_back();
      ReadRow(row, by_own_plan, by_kept_plan);
    }
    return plans;
  }

  PgConnection& connection() { return *connection_; }
  static SessionKeys& keys() {
    static SessionKeys keys(nullptr);
    return keys;
  }

 private:
  DeadlineTimer timer_;
  StatementNames names_{/*allowed=*/true};
  std::unique_ptr<PgConnection> connection_;
};

constexpr auto kMostlyKept = [](int executions) {
  return testing::ElementsAre(testing::Pair(kPlansAtFirst, executions - kPlansAtFirst));
};

TEST_F(StatementPlansTest, OfSetsOfOneSession) {
  ASSERT_NO_FATAL_FAILURE(FillTables());
  for (int i = 0; i < kExecutions; ++i) ASSERT_NO_FATAL_FAILURE(Apply(NewCommits(1)));
  EXPECT_THAT(Plans(), kMostlyKept(kExecutions));
}

TEST_F(StatementPlansTest, OfSetsOfManySessions) {
  ASSERT_NO_FATAL_FAILURE(FillTables());
  for (int i = 0; i < kExecutions; ++i) ASSERT_NO_FATAL_FAILURE(Apply(NewCommits(2)));
  EXPECT_THAT(Plans(), kMostlyKept(kExecutions));
}

TEST_F(StatementPlansTest, OfOtherWrites) {
  ASSERT_NO_FATAL_FAILURE(FillTables());
  std::vector<Commit> commits = NewCommits(2);
  commits[1].creds = Value{ValueKind::kJson, "{}"};
  for (int i = 0; i < kExecutions; ++i) ASSERT_NO_FATAL_FAILURE(Apply(commits));
  EXPECT_THAT(Plans(), kMostlyKept(kExecutions));
}

TEST_F(StatementPlansTest, OfOtherCommits) {
  ASSERT_NO_FATAL_FAILURE(FillTables());
  std::vector<Commit> commits = NewCommits(2);
  commits[1].clear_keys = true;
  for (int i = 0; i < kExecutions; ++i) ASSERT_NO_FATAL_FAILURE(Apply(commits));
  EXPECT_THAT(Plans(), kMostlyKept(kExecutions));
}

TEST_F(StatementPlansTest, OfReads) {
  ASSERT_NO_FATAL_FAILURE(FillTables());
  ReadRequest request;
  request.session_id = "s0";
  request.keys = {{"session", "0"}};
  for (int i = 0; i < kExecutions; ++i) {
    const auto answer =
        ReadSessions(connection(), NativeLayout(kOwnSchema), keys(), {request}, absl::Now() + kPatience);
    ASSERT_TRUE(answer.has_value());
    const auto& read = *answer;
    ASSERT_TRUE(read[0].ok()) << read[0].status();
    ASSERT_TRUE(read[0]->values[0].has_value());
  }
  EXPECT_THAT(Plans(), kMostlyKept(kExecutions));
}

TEST_F(StatementPlansTest, OfLeases) {
  ASSERT_NO_FATAL_FAILURE(FillTables());
  for (int i = 0; i < kExecutions; ++i) {
    LeaseBatch batch(NativeLayout(kOwnSchema), {conformance::Acquire("s0", "owner")}, absl::Now() + kPatience);
    ASSERT_FALSE(batch.Work(connection()).has_value());
    const auto leases = batch.Finish();
    ASSERT_TRUE(leases[0].ok()) << leases[0].status();
  }
  EXPECT_THAT(Plans(), kMostlyKept(kExecutions));
}

// Each is looked up on its own: the creds of all sessions, which are most of a store, are not read for a page of a few.
TEST_F(StatementPlansTest, OfListingsReadNoMoreCredsThanTheirPage) {
  std::vector<Commit> commits = NewCommits(1000);
  for (Commit& commit : commits) commit.creds = Value{ValueKind::kJson, "{}"};
  ASSERT_NO_FATAL_FAILURE(Apply(std::move(commits)));
  ASSERT_FALSE(connection().Execute("ANALYZE", {}, absl::Now() + kPatience).failure.has_value());
  connection().Drop();
  for (const std::optional<bool> has_creds : {std::optional<bool>(), std::optional(true)}) {
    for (const bool want_size : {false, true}) {
      ListRequest request;
      request.limit = 10;
      request.has_creds = has_creds;
      request.want_size = want_size;
      for (int i = 0; i < kExecutions; ++i) {
        ASSERT_FALSE(connection().Execute("BEGIN", {}, absl::Now() + kPatience).failure.has_value());
        const auto answer = ListSessions(connection(), NativeLayout(kOwnSchema), request, absl::Now() + kPatience);
        ASSERT_TRUE(answer.has_value());
        const auto& sessions = *answer;
        ASSERT_TRUE(sessions.ok()) << sessions.status();
        ASSERT_EQ(sessions->size(), request.limit);
        EXPECT_TRUE(sessions->front().has_creds);
        const auto read =
            connection().Continue("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'auth_creds'", {},
                                  absl::Now() + kPatience);
        ASSERT_FALSE(read.failure.has_value());
        EXPECT_EQ(ToInt(read.rows[0][0]), 0) << "with sizes: " << want_size << ", time " << i;
        ASSERT_FALSE(connection().Continue("ROLLBACK", {}, absl::Now() + kPatience).failure.has_value());
      }
    }
  }
}

}  // namespace
}  // namespace authstate::storage
