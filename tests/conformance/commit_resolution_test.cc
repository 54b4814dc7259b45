// Commits whose statement got no answer, on a real PostgreSQL: the caller learns what became of them, and nothing is
// applied twice or after it was said not to be. The network's part is played by a proxy.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/postgres_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/test_postgres.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using test::StatementFault;
using test::TcpProxy;
using test::TestPostgres;
using Moment = StatementFault::Moment;
using Effect = StatementFault::Effect;

constexpr absl::Duration kPatience = absl::Seconds(60);
// Stand in no other statement: in that of any commit, in those of writes and of sets to sessions which have a row.
constexpr char kCommitSql[] = "creds_deleted";
constexpr char kCommitWritesSql[] = "AND change.baseless IS NOT TRUE";
constexpr char kCommitSetsSql[] = "patch = NULL";
constexpr char kResolveSql[] = "barrier = s.barrier + 1";
// In pg_stat_activity, which shows the beginning of a statement alone.
constexpr char kIsCommit[] = "query LIKE '%WITH clock%$7::text, true%'";
constexpr char kIsResolve[] = "query LIKE '%$3::text, true%'";
constexpr char kDriversStatement[] =
    "application_name = 'authstated' AND datname = current_database() AND state <> 'idle'";

class CommitResolutionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto postgres = TestPostgres::Create();
    ASSERT_TRUE(postgres.ok()) << postgres.status();
    postgres_ = postgres->release();
  }
  static void TearDownTestSuite() {
    delete postgres_;
    postgres_ = nullptr;
  }

  void SetUp() override {
    auto url = postgres_->NewDatabase();
    ASSERT_TRUE(url.ok()) << url.status();
    url_ = *url;
    auto proxy = TcpProxy::Create(postgres_->port());
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    Reopen(absl::Seconds(1));
    PostgresOptions around;
    around.url = url_;
    neighbour_ = Open(around);
  }
  void Reopen(absl::Duration call_timeout, int connections = 5) {
    PostgresOptions options;
    options.connections = connections;
    options.url = absl::StrCat("postgresql://postgres@127.0.0.1:", proxy_->port(), url_.substr(url_.rfind('/')));
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

  void Sql(const std::string& sql) {
    const absl::Status run = TestPostgres::Run(url_, sql);
    ASSERT_TRUE(run.ok()) << run;
  }
  // Whether the query has a row.
  absl::Status HasRow(const std::string& query) {
    return TestPostgres::Run(
        url_, absl::StrCat("DO $$ BEGIN PERFORM ", query, "; IF NOT FOUND THEN RAISE 'not yet'; END IF; END $$"));
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
      TestPostgres::Run(url_, "BEGIN; UPDATE authstate.auth_sessions SET updated_at = now(); SELECT pg_sleep(600)")
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

  const std::string& url() const { return url_; }
  Backend& backend() { return *backend_; }
  // Goes around the proxy.
  Backend& neighbour() { return *neighbour_; }
  TcpProxy& proxy() { return *proxy_; }

 private:
  static TestPostgres* postgres_;
  std::string url_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Backend> neighbour_;
  std::thread holder_;
};

TestPostgres* CommitResolutionTest::postgres_ = nullptr;

// What can happen to the statement of a commit on its way there and back.
struct Cut {
  Moment moment;
  Effect effect;
  const char* name;
};

class CutCommitTest : public CommitResolutionTest, public testing::WithParamInterface<Cut> {};

TEST_P(CutCommitTest, IsAppliedOnceAndAnsweredOk) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(kCommitSetsSql, GetParam().moment, GetParam().effect);
  const auto applied = Apply(backend(), SetKey(2));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  proxy().Resume();
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 2U);
}

// The very first commit of a session has no row yet to look it up in.
TEST_P(CutCommitTest, OfANewSessionIsAppliedOnceAndAnsweredOk) {
  Arm(kCommitSql, GetParam().moment, GetParam().effect);
  const auto applied = Apply(backend(), SetKey(1));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 1U);
  proxy().Resume();
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 1U);
}

INSTANTIATE_TEST_SUITE_P(Cuts, CutCommitTest,
                         testing::Values(Cut{Moment::kBefore, Effect::kReset, "ResetBefore"},
                                         Cut{Moment::kBefore, Effect::kSilence, "SilentBefore"},
                                         Cut{Moment::kMiddle, Effect::kReset, "ResetInTheMiddle"},
                                         Cut{Moment::kMiddle, Effect::kSilence, "SilentInTheMiddle"},
                                         Cut{Moment::kReply, Effect::kReset, "ReplyReset"},
                                         Cut{Moment::kReply, Effect::kSilence, "ReplySilent"}),
                         [](const auto& cut) { return std::string(cut.param.name); });

TEST_F(CommitResolutionTest, ResolutionThatIsCutTooIsTriedAgain) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Answer<Results> answer;
  Arm(kCommitSetsSql, Moment::kReply, Effect::kReset);
  Start(backend(), SetKey(2), answer);
  AwaitFired();
  Arm(kResolveSql, Moment::kReply, Effect::kReset);
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  EXPECT_EQ(Session().revision, 2U);
}

TEST_F(CommitResolutionTest, BackendKilledWhileItWaitsForALockIsFoundNotApplied) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  HoldSession();
  Answer<Results> answer;
  Start(backend(), SetKey(2), answer);
  AwaitDriversStatement("wait_event_type = 'Lock'");
  Sql(absl::StrCat("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE ", kDriversStatement));
  LetGo();
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  EXPECT_EQ(Session().revision, 2U);
}

// The statements that apply a commit to a session which has a row.
struct Form {
  const char* name;
  const char* sql;
  // Makes a commit that sets keys one which needs this statement.
  void (*widen)(Commit& commit);
  // What makes it wait once it has its snapshot and the time, and before it comes to the session's row.
  const char* gate;
};

constexpr char kGateBeforeUpdate[] =
    "CREATE TRIGGER wait_at_gate BEFORE UPDATE ON authstate.auth_sessions FOR EACH STATEMENT "
    "WHEN (current_query() LIKE '%UPDATE authstate.auth_sessions s%') EXECUTE FUNCTION wait_at_gate()";
constexpr Form kAny = {"Any", kCommitSql, [](Commit& commit) { commit.clear_keys = true; },
                       "CREATE TRIGGER wait_at_gate BEFORE INSERT ON authstate.auth_sessions FOR EACH ROW "
                       "WHEN (NEW.recent_ids[1] = 2) EXECUTE FUNCTION wait_at_gate()"};
constexpr Form kWrites = {"Writes", kCommitWritesSql,
                          [](Commit& commit) {
                            commit.creds = Value{ValueKind::kJson, "{}"};
                          },
                          kGateBeforeUpdate};
constexpr Form kSets = {"Sets", kCommitSetsSql, [](Commit&) {}, kGateBeforeUpdate};

std::string NameOf(const testing::TestParamInfo<Form>& form) { return form.param.name; }

class CommitStatementTest : public CommitResolutionTest, public testing::WithParamInterface<Form> {
 protected:
  static Commit Write(std::uint64_t id) {
    Commit commit = SetKey(id);
    GetParam().widen(commit);
    return commit;
  }
};
class DeletingStatementTest : public CommitStatementTest {};

INSTANTIATE_TEST_SUITE_P(Forms, CommitStatementTest, testing::Values(kAny, kWrites, kSets), NameOf);
INSTANTIATE_TEST_SUITE_P(Forms, DeletingStatementTest, testing::Values(kAny, kWrites), NameOf);

// A commit goes by the statement for what it does, and its outcome is found by it.
TEST_P(CommitStatementTest, WhoseReplyIsLostIsAppliedOnce) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  Arm(GetParam().sql, Moment::kReply, Effect::kReset);
  const auto applied = Apply(backend(), Write(2));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  EXPECT_EQ(Session().revision, 2U);
}

// The statement has locked the row when its connection is lost: it goes on in the database, unheard. Until it is done,
// the resolution finds the row locked, and keeps the only connection from nobody.
TEST_P(CommitStatementTest, ThatGoesOnUnheardIsAwaitedAndFound) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  Reopen(kPatience, /*connections=*/2);
  MakeGate(
      "CREATE TRIGGER wait_at_gate AFTER UPDATE ON authstate.auth_sessions FOR EACH ROW "
      "WHEN (NEW.session_id = 's' AND NEW.revision = 2) EXECUTE FUNCTION wait_at_gate()");
  Answer<Results> answer;
  Start(backend(), Write(2), answer);
  AwaitDriversStatement(absl::StrCat("wait_event = 'PgSleep' AND ", kIsCommit));
  proxy().ResetAll();
  AwaitDriversStatement(absl::StrCat("wait_event_type = 'Lock' AND ", kIsResolve));
  for (std::uint64_t id = 10; id < 20; ++id) {
    Commit other = SetKey(id);
    other.session_id = "other";
    const auto applied = Apply(backend(), std::move(other));
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
  EXPECT_EQ(answer.calls(), 0);
  Sql("DELETE FROM gate");
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 2U);
}

// Its snapshot has nothing of what it waited for, and so would not have deleted it.
TEST_P(DeletingStatementTest, ThatWaitedForAnotherDeletesWhatThatWrote) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  pqxx::connection connection(url());
  pqxx::work other(connection);
  other.exec("UPDATE authstate.auth_sessions SET revision = revision + 1");
  other.exec(
      "INSERT INTO authstate.auth_keys (session_id, key_type, key_id, kind, value) "
      "SELECT session_id, key_type, 'late', kind, value FROM authstate.auth_keys");
  Commit deletion = Write(2);
  deletion.deletes = {{"t", "late"}};
  Answer<Results> answer;
  Start(neighbour(), deletion, answer);
  AwaitDriversStatement(absl::StrCat("wait_event_type = 'Lock' AND ", kIsCommit));
  other.commit();
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 3U);
  EXPECT_FALSE(Session({{"t", "late"}}).values.front().has_value());
}

// A statement that has its snapshot, and stays in a trigger before it comes to the session's row, is the last that
// could apply a commit of which its caller was told that it was not applied.
TEST_P(CommitStatementTest, ThatGoesOnUnheardIsShutOut) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  Reopen(kPatience);
  MakeGate(GetParam().gate);
  Answer<Results> answer;
  Start(backend(), Write(2), answer);
  // Each attempt of the driver is cut off as soon as it is at the gate, until the driver gives up.
  int unheard = 0;
  while (answer.calls() == 0) {
    const absl::Status another = HasRow(absl::StrCat("WHERE (SELECT count(*) FROM pg_stat_activity WHERE ",
                                                     kDriversStatement, " AND wait_event = 'PgSleep') > ", unheard));
    if (another.ok()) {
      ++unheard;
      proxy().ResetAll();
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_GT(unheard, 1);
  const auto applied = answer.Await().front();
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kUnavailable) << applied.status();
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kNotApplied);
  Sql("DELETE FROM gate");
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 1U);
}

TEST_P(CommitStatementTest, ThatArrivesAfterAllIsRefused) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(GetParam().sql, Moment::kBefore, Effect::kSilence);
  const auto applied = Apply(backend(), Write(2));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_EQ(applied->revision, 2U);
  // So many others that the id would not give it away any more, and a deletion that it would undo.
  for (std::uint64_t id = 3; id < 3 + kRecentCommits; ++id) ASSERT_TRUE(Apply(neighbour(), SetKey(id)).ok());
  Commit deletion;
  deletion.session_id = "s";
  deletion.deletes = {{"t", "2"}};
  ASSERT_TRUE(Apply(neighbour(), deletion).ok());
  const ReadResult before = Session();

  proxy().Resume();
  AwaitNoDriversStatement();
  EXPECT_TRUE(Apply(backend(), SetKey(100)).ok());
  const ReadResult after = Session({{"t", "2"}});
  EXPECT_EQ(after.revision, before.revision + 1);
  EXPECT_FALSE(after.values.front().has_value());
}

TEST_F(CommitResolutionTest, CommitThatMayHaveBeenPushedOutStaysInDoubt) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(kCommitSetsSql, Moment::kReply, Effect::kSilence);
  Answer<Results> answer;
  Start(backend(), SetKey(2), answer);
  AwaitFired();
  for (std::uint64_t id = 3; id < 3 + kRecentCommits; ++id) ASSERT_TRUE(Apply(neighbour(), SetKey(id)).ok());
  const auto applied = answer.Await().front();
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kDeadlineExceeded) << applied.status();
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kUnknown);
}

// As many commits, but all of them before: they cannot have pushed it out.
TEST_F(CommitResolutionTest, CommitAfterManyOthersIsFoundNotApplied) {
  for (std::uint64_t id = 1; id <= 2 * kRecentCommits; ++id) ASSERT_TRUE(Apply(neighbour(), SetKey(id)).ok());
  Arm(kCommitSetsSql, Moment::kBefore, Effect::kReset);
  const auto applied = Apply(backend(), SetKey(100));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2 * kRecentCommits + 1);
}

TEST_F(CommitResolutionTest, ConditionalCommitWhoseReplyWasLostIsNotRefused) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(kCommitSetsSql, Moment::kReply, Effect::kReset);
  Commit commit = SetKey(2);
  commit.expected_revision = 1;
  const auto applied = Apply(backend(), commit);
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
}

// The making of a connection hangs for longer than the call has time. A call that finds a connection which is lost only
// then is told so before; the first may send its statement before the kernel tells of the reset, and is in doubt.
TEST_F(CommitResolutionTest, CallsEndOnTimeWhileConnectingHangs) {
  proxy().Hold(test::Direction::kToClient);
  proxy().ResetAll();
  for (int i = 0; i < 3; ++i) {
    Answer<Results> answer;
    backend().Apply({SetKey(1)}, absl::Now() + absl::Milliseconds(200), answer.Done());
    const absl::Status status = answer.Await().front().status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) << status;
    if (i > 0) {
      EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied) << status;
    }
  }
  proxy().Resume();
}

TEST_F(CommitResolutionTest, CommitWithoutIdStaysInDoubt) {
  Arm(kCommitSql, Moment::kReply, Effect::kReset);
  const auto applied = Apply(backend(), SetKey(0));
  AwaitFired();
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kUnavailable) << applied.status();
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kUnknown);
}

}  // namespace
}  // namespace authstate::storage
