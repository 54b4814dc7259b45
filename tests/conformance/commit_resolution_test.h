#ifndef AUTHSTATE_TESTS_CONFORMANCE_COMMIT_RESOLUTION_TEST_H_
#define AUTHSTATE_TESTS_CONFORMANCE_COMMIT_RESOLUTION_TEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/postgres_test.h"
#include "tests/support/proxy/tcp_proxy.h"

namespace authstate::storage {

using conformance::Answer;
using test::StatementFault;
using test::TcpProxy;
using test::TestPostgres;
using Moment = StatementFault::Moment;
using Effect = StatementFault::Effect;

inline constexpr absl::Duration kPatience = absl::Seconds(60);
// Stand in no other statement: in that of any commit, in those of writes and of sets to sessions which have a row.
inline constexpr char kCommitSql[] = "creds_deleted";
inline constexpr char kCommitWritesSql[] = "AND change.baseless IS NOT TRUE";
inline constexpr char kCommitSetsSql[] = "patch = NULL";
inline constexpr char kResolveSql[] = "barrier = s.barrier + 1";
// In pg_stat_activity, which shows the beginning of a statement alone.
inline constexpr char kIsCommit[] = "query LIKE '%WITH clock%$7::text, true%'";
inline constexpr char kIsResolve[] = "query LIKE '%$3::text, true%'";
inline constexpr char kDriversStatement[] =
    "application_name = 'authstated' AND datname = current_database() AND state <> 'idle'";

// A backend that reaches the database through a proxy, and its neighbour that goes around that.
class CommitResolutionTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    auto proxy = TcpProxy::Create(postgres().port());
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    Reopen(absl::Seconds(1));
    PostgresOptions around;
    around.url = url();
    neighbour_ = Open(around);
  }
  void Reopen(absl::Duration call_timeout, int connections = 5) {
    PostgresOptions options;
    options.connections = connections;
    options.url = absl::StrCat("postgresql://postgres@127.0.0.1:", proxy_->port(), url().substr(url().rfind('/')));
    options.call_timeout = call_timeout;
    backend_ = Open(options);
  }
  void TearDown() override {
    proxy_->Resume();
    LetGo();
  }

  static std::unique_ptr<Backend> Open(const PostgresOptions& options) {
    auto backend = OpenPostgresBackend(options);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return *std::move(backend);
  }

  static Commit SetKey(std::uint64_t id) {
    Commit commit;
    commit.session_id = "s";
    commit.id = id;
    commit.sets = {{{"t", absl::StrCat(id)}, {ValueKind::kRaw, "v"}}};
    return commit;
  }

  using Results = std::vector<absl::StatusOr<Applied>>;
  static void Start(Backend& backend, Commit commit, Answer<Results>& answer) {
    std::vector<Commit> commits;
    commits.push_back(std::move(commit));
    backend.Apply(std::move(commits), absl::Now() + kPatience, answer.Done());
  }
  static absl::StatusOr<Applied> Apply(Backend& backend, Commit commit) {
    Answer<Results> answer;
    Start(backend, std::move(commit), answer);
    return answer.Await().front();
  }

  // The session as those see it who do not go through the proxy.
  ReadResult Session(std::vector<KeyName> keys = {}) {
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    neighbour_->Read({{"s", false, std::move(keys)}}, absl::Now() + kPatience, answer.Done());
    auto result = std::move(answer.Await().front());
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }

  // Whether the query has a row.
  absl::Status HasRow(const std::string& query) {
    return TestPostgres::Run(
        url(), absl::StrCat("DO $$ BEGIN PERFORM ", query, "; IF NOT FOUND THEN RAISE 'not yet'; END IF; END $$"));
  }
  // Asks until the query has a row.
  void AwaitRow(const std::string& query) {
    const absl::Time limit = absl::Now() + kPatience;
    absl::Status status = HasRow(query);
    while (!status.ok() && absl::Now() < limit) {
      absl::SleepFor(absl::Milliseconds(10));
      status = HasRow(query);
    }
    ASSERT_TRUE(status.ok()) << status;
  }
  void AwaitDriversStatement(absl::string_view more) {
    AwaitRow(absl::StrCat("FROM pg_stat_activity WHERE ", kDriversStatement, " AND ", more));
  }
  void AwaitNoDriversStatement() {
    AwaitRow(absl::StrCat("WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE ", kDriversStatement, ")"));
  }

  // Holds the row of the session until LetGo.
  void HoldSession() {
    holder_ = std::thread([this] {
      // Its end is an error, as it is terminated.
      TestPostgres::Run(url(), "BEGIN; UPDATE authstate.auth_sessions SET updated_at = now(); SELECT pg_sleep(600)")
          .IgnoreError();
    });
    AwaitRow("FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()");
  }
  void LetGo() {
    if (!holder_.joinable()) return;
    Sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE wait_event = 'PgSleep' AND datname = current_database()");
    holder_.join();
  }

  // Statements that come to the trigger stay there for as long as `gate` has a row.
  void MakeGate(const std::string& trigger) {
    Sql("CREATE TABLE gate AS SELECT true AS closed; CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql "
        "AS "
        "$$ BEGIN "
        "WHILE EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NEW; END $$");
    Sql(trigger);
  }

  void Arm(absl::string_view sql_part, Moment moment, Effect effect) {
    proxy_->Arm({std::string(sql_part), moment, effect});
  }
  void AwaitFired() {
    const absl::Status fired = proxy_->AwaitFired(kPatience);
    ASSERT_TRUE(fired.ok()) << fired;
  }

  Backend& backend() { return *backend_; }
  // Goes around the proxy.
  Backend& neighbour() { return *neighbour_; }
  TcpProxy& proxy() { return *proxy_; }

 private:
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Backend> neighbour_;
  std::thread holder_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_CONFORMANCE_COMMIT_RESOLUTION_TEST_H_
