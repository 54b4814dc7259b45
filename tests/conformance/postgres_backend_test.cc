// What the PostgreSQL driver does when the database is away, slow, strange or not alone.
#include "storage/postgres/postgres_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "tests/conformance/await.h"
#include "tests/support/test_postgres.h"

namespace authstate::storage {
namespace {

using conformance::Answer;
using test::TestPostgres;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);

Commit SetKey(std::string session_id, std::string id) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.sets = {{{"t", std::move(id)}, {ValueKind::kRaw, "v"}}};
  return commit;
}

class PostgresBackendTest : public testing::Test {
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
    auto url = postgres().NewDatabase();
    ASSERT_TRUE(url.ok()) << url.status();
    options_.url = *url;
  }

  static TestPostgres& postgres() { return *postgres_; }
  const std::string& url() const { return options_.url; }
  PostgresOptions& options() { return options_; }
  Backend& backend() { return *backend_; }

  absl::Status TryOpen() {
    auto backend = OpenPostgresBackend(options_);
    if (!backend.ok()) return backend.status();
    backend_ = *std::move(backend);
    return absl::OkStatus();
  }
  void Open() {
    const absl::Status opened = TryOpen();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void Sql(const std::string& sql) {
    const absl::Status run = TestPostgres::Run(superuser_url_.empty() ? url() : superuser_url_, sql);
    ASSERT_TRUE(run.ok()) << run;
  }

  absl::Status TryOpenAnother() { return OpenPostgresBackend(options_).status(); }
  // Everything in the database is a new role's from now on, and so are the connections of the backend.
  void OwnByRole(const std::string& attributes) {
    const std::string database = url().substr(url().rfind('/') + 1);
    superuser_url_ = url();
    role_ = absl::StrCat("owner_of_", database);
    Sql(absl::StrCat("CREATE ROLE ", role_, " LOGIN ", attributes, "; ALTER DATABASE ", database, " OWNER TO ", role_,
                     "; ALTER SCHEMA public OWNER TO ", role_));
    options_.url = absl::StrReplaceAll(url(), {{"postgres@", absl::StrCat(role_, "@")}});
  }
  void LimitConnections(int limit) { Sql(absl::StrCat("ALTER ROLE ", role_, " CONNECTION LIMIT ", limit)); }
  void CutConnections() {
    Sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }
  absl::Status Ping() {
    Answer<absl::Status> answer;
    backend_->Ping(absl::Now() + kPatience, answer.Done());
    return answer.Await();
  }
  void AwaitApplied(const Commit& commit) {
    const absl::Time end = absl::Now() + kPatience;
    absl::Status applied;
    do {
      applied = Apply({commit}).front().status();
    } while (!applied.ok() && absl::Now() < end);
    EXPECT_TRUE(applied.ok()) << applied;
  }
  void AwaitServing() {
    const absl::Time end = absl::Now() + kPatience;
    absl::Status alive;
    do {
      alive = Ping();
    } while (!alive.ok() && absl::Now() < end);
    EXPECT_TRUE(alive.ok()) << alive;
  }

  std::vector<absl::StatusOr<Applied>> Apply(std::vector<Commit> commits, absl::Duration timeout = kPatience) {
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend_->Apply(std::move(commits), absl::Now() + timeout, answer.Done());
    return answer.Await();
  }
  static ReadRequest Request(std::string session_id, std::vector<KeyName> keys = {}) {
    return {std::move(session_id), true, std::move(keys)};
  }
  std::vector<absl::StatusOr<ReadResult>> Read(std::vector<ReadRequest> requests) {
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    backend_->Read(std::move(requests), absl::Now() + kPatience, answer.Done());
    return answer.Await();
  }
  absl::StatusOr<ReadResult> Read(std::string session_id, std::vector<KeyName> keys = {}) {
    return std::move(Read({Request(std::move(session_id), std::move(keys))}).front());
  }
  absl::StatusOr<std::unique_ptr<Snapshot>> Snap(std::string session_id) {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> answer;
    backend_->OpenSnapshot(std::move(session_id), absl::Now() + kPatience, answer.Done());
    return answer.Await();
  }
  // Asks until the database answers; the backend itself says how long to wait.
  absl::Status AwaitHealth() {
    const absl::Time limit = absl::Now() + kPatience;
    absl::Status status = Ping();
    while (!status.ok() && absl::Now() < limit) {
      absl::SleepFor(RetryDelayOf(status).value_or(absl::Milliseconds(10)));
      status = Ping();
    }
    return status;
  }

 private:
  static TestPostgres* postgres_;
  PostgresOptions options_;
  // Where `options_` names another role; else empty.
  std::string superuser_url_;
  std::string role_;
  std::unique_ptr<Backend> backend_;
};

TestPostgres* PostgresBackendTest::postgres_ = nullptr;

TEST_F(PostgresBackendTest, UnreachableDatabaseIsNamedWithoutItsPassword) {
  options().url = "postgresql://user:s3cret@127.0.0.1:1/auth";
  const absl::Status status = TryOpen();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), std::string(kDatabaseUnavailable));
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("127.0.0.1:1/auth"));
  EXPECT_THAT(message, Not(HasSubstr("s3cret")));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
}

TEST_F(PostgresBackendTest, ServersThatStartAtOnceOnAnEmptyDatabaseAllComeUp) {
  constexpr int kServers = 8;
  std::vector<absl::Status> opened(kServers);
  std::vector<std::thread> threads;
  threads.reserve(kServers);
  for (int i = 0; i < kServers; ++i) {
    threads.emplace_back([this, &opened, i] { opened[i] = OpenPostgresBackend(options()).status(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : opened) EXPECT_TRUE(status.ok()) << status;
}

TEST_F(PostgresBackendTest, NewerSchemaIsRefused) {
  Open();
  Sql("INSERT INTO authstate.auth_schema_migrations (version, name, checksum, serves_from) "
      "SELECT max(version) + 1, 'later', 'x', max(version) + 1 FROM authstate.auth_schema_migrations");
  EXPECT_EQ(ReasonOf(TryOpen()), std::string(kSchemaUnknown));
}

TEST_F(PostgresBackendTest, NewerSchemaThatThisServerMayServeIsServed) {
  Open();
  Sql("INSERT INTO authstate.auth_schema_migrations (version, name, checksum, serves_from) "
      "SELECT max(version) + 1, 'later', 'x', max(version) FROM authstate.auth_schema_migrations");
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(PostgresBackendTest, ChangedSchemaIsRefused) {
  Open();
  Sql("UPDATE authstate.auth_schema_migrations SET checksum = 'other'");
  EXPECT_EQ(ReasonOf(TryOpen()), std::string(kSchemaUnknown));
}

TEST_F(PostgresBackendTest, TablesOfOthersAreLeftAlone) {
  Sql("CREATE SCHEMA authstate; CREATE TABLE authstate.auth_creds (mine int); INSERT INTO authstate.auth_creds VALUES "
      "(1)");
  const absl::Status status = TryOpen();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  Sql("UPDATE authstate.auth_creds SET mine = 2");
}

TEST_F(PostgresBackendTest, DatabaseOfAnotherEncodingIsRefused) {
  const absl::Status made =
      TestPostgres::Run(postgres().url(), "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  ASSERT_TRUE(made.ok()) << made;
  options().url = absl::StrCat("postgresql://postgres@127.0.0.1:", postgres().port(), "/latin");
  EXPECT_EQ(TryOpen().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PostgresBackendTest, OutageIsAnErrorNeverAbsenceAndEndsByItself) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  ASSERT_TRUE(postgres().Stop().ok());

  for (int i = 0; i < 20; ++i) {
    const auto read = Read("s", {{"t", "1"}});
    EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable) << read.status();
    EXPECT_TRUE(RetryDelayOf(read.status()).has_value());
    const absl::Status applied = Apply({SetKey("s", "2")}).front().status();
    EXPECT_EQ(applied.code(), absl::StatusCode::kUnavailable) << applied;
    // The connections were seen to be broken before anything was sent.
    EXPECT_EQ(OutcomeOf(applied), Outcome::kNotApplied) << applied;
    EXPECT_EQ(Snap("s").status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(Ping().code(), absl::StatusCode::kUnavailable);

  ASSERT_TRUE(postgres().Start().ok());
  ASSERT_TRUE(AwaitHealth().ok());
}

TEST_F(PostgresBackendTest, ConnectionsEndedWhileIdleAreReplacedUnseen) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  for (int i = 0; i < 10; ++i) {
    Sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()");
    const auto applied = Apply({SetKey("s", "2")});
    EXPECT_TRUE(applied.front().ok()) << applied.front().status();
    EXPECT_TRUE(Read("s").ok());
  }
}

// Holds the rows of all sessions that there are, for as long as it lives.
class RowHolder {
 public:
  explicit RowHolder(std::string url)
      : url_(std::move(url)), holder_([this] {
          // Its end is an error, as it is terminated.
          TestPostgres::Run(url_, "BEGIN; UPDATE authstate.auth_sessions SET updated_at = now(); SELECT pg_sleep(60)")
              .IgnoreError();
        }) {
    // It is there once its lock is.
    const std::string is_held =
        "DO $$ BEGIN PERFORM FROM pg_locks WHERE relation = 'authstate.auth_sessions'::regclass AND mode = "
        "'RowExclusiveLock'; "
        "IF NOT FOUND THEN RAISE 'not yet'; END IF; END $$";
    while (!TestPostgres::Run(url_, is_held).ok()) absl::SleepFor(absl::Milliseconds(10));
  }
  ~RowHolder() {
    const absl::Status ended = TestPostgres::Run(
        url_,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' "
        "AND pid <> pg_backend_pid()");
    EXPECT_TRUE(ended.ok()) << ended;
    holder_.join();
  }
  RowHolder(const RowHolder&) = delete;
  RowHolder& operator=(const RowHolder&) = delete;

 private:
  const std::string url_;
  std::thread holder_;
};

TEST_F(PostgresBackendTest, CommitThatWaitsTooLongForALockIsKnownNotToBeApplied) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  {
    const RowHolder holder(url());
    const absl::Status applied = Apply({SetKey("s", "2")}, absl::Milliseconds(200)).front().status();
    EXPECT_EQ(applied.code(), absl::StatusCode::kDeadlineExceeded) << applied;
    EXPECT_EQ(OutcomeOf(applied), Outcome::kNotApplied);
    // Others are not held up.
    EXPECT_TRUE(Apply({SetKey("other", "1")}).front().ok());
  }
  EXPECT_TRUE(Apply({SetKey("s", "3")}).front().ok());
}

TEST_F(PostgresBackendTest, MemberThatWouldWaitForALockDoesNotFailTheOthers) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  const RowHolder holder(url());
  const auto results = Apply({SetKey("a", "1"), SetKey("s", "2"), SetKey("b", "1")});
  EXPECT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_EQ(results[1].status().code(), absl::StatusCode::kUnavailable) << results[1].status();
  EXPECT_EQ(OutcomeOf(results[1].status()), Outcome::kNotApplied);
  EXPECT_TRUE(results[2].ok()) << results[2].status();
}

TEST_F(PostgresBackendTest, MemberThatTheDatabaseRefusesDoesNotFailTheOthers) {
  Open();
  const auto results = Apply({SetKey("a", "1"), SetKey("b", "\xff"), SetKey("c", "1"), SetKey("b", "1")});
  EXPECT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_EQ(results[1].status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(OutcomeOf(results[1].status()), Outcome::kNotApplied);
  EXPECT_TRUE(results[2].ok()) << results[2].status();
  ASSERT_TRUE(results[3].ok()) << results[3].status();
  EXPECT_EQ(results[3]->revision, 1U);
}

TEST_F(PostgresBackendTest, ReadThatTheDatabaseRefusesDoesNotFailTheOthers) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  const auto results = Read({Request("s"), Request("\xff"), Request("s")});
  ASSERT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_EQ(results[0]->revision, 1U);
  EXPECT_EQ(results[1].status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(results[2].ok()) << results[2].status();
}

TEST_F(PostgresBackendTest, UnknownKindOfValueIsDataLoss) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  Sql("UPDATE authstate.auth_keys SET kind = 7");
  const auto read = Read("s", {{"t", "1"}});
  EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(read.status()), std::string(kCorruptValue));
}

// Every way in which a commit changes what there is, and a server of the version before in between.
TEST_F(PostgresBackendTest, VanishedRowsAreDataLossWhateverWasCommittedBefore) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const KeyName absent = {"session", "absent"};
  const auto set = [](const std::string& id) { return KeyWrite{{"session", id}, {ValueKind::kRaw, "v"}}; };
  std::vector<Commit> commits(5);
  for (Commit& commit : commits) commit.session_id = "s";
  commits[0].sets = {set("1"), set("2")};
  commits[1].sets = {set("2"), set("3")};
  commits[1].deletes = {{"session", "1"}, absent};
  commits[1].creds = Value{ValueKind::kJson, "{}"};
  commits[2].clear_keys = true;
  commits[2].sets = {set("4")};
  commits[3].action = Commit::Action::kDeleteCreds;
  commits[4].creds = Value{ValueKind::kJson, "{}"};
  commits[4].sets = {set("5")};
  for (const Commit& commit : commits) {
    ASSERT_TRUE(Apply({commit}).front().ok());
    ASSERT_TRUE(Read("s", {absent}).ok()) << Read("s", {absent}).status();
  }
  // As that server does it: what it writes is not checked until the next commit of a later one.
  Sql("UPDATE authstate.auth_sessions SET revision = revision + 1; DELETE FROM authstate.auth_keys WHERE key_id = '4'; "
      "INSERT INTO authstate.auth_keys (session_id, key_type, key_id, kind, value) VALUES ('s', 'session', '6', 1, "
      "'v')");
  ASSERT_TRUE(Read("s", {absent}).ok());
  ASSERT_TRUE(Apply({commits[0]}).front().ok());
  ASSERT_TRUE(Read("s", {absent}).ok());
  for (const char* vanished : {"auth_keys WHERE key_id = '6'", "auth_creds", "auth_sessions"}) {
    Sql(
        absl::StrCat("CREATE TABLE kept AS SELECT * FROM authstate.auth_keys; CREATE TABLE kept_creds AS SELECT * FROM "
                     "authstate.auth_creds; DELETE FROM authstate.",
                     vanished));
    EXPECT_TRUE(absl::IsDataLoss(Read("s", {absent}).status())) << vanished;
    Sql("DELETE FROM authstate.auth_keys; INSERT INTO authstate.auth_keys SELECT * FROM kept; DROP TABLE kept; "
        "DELETE FROM authstate.auth_creds; INSERT INTO authstate.auth_creds SELECT * FROM kept_creds; "
        "DROP TABLE kept_creds");
  }
}

TEST_F(PostgresBackendTest, SnapshotsBeyondTheirConnectionsAreRefused) {
  // One is for signs of life, and half of the others for snapshots.
  options().connections = 5;
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  auto first = Snap("s");
  const auto second = Snap("s");
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = Snap("s");
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted) << third.status();
  EXPECT_TRUE(RetryDelayOf(third.status()).has_value());
  first->reset();
  EXPECT_TRUE(Snap("s").ok());
}

TEST_F(PostgresBackendTest, SnapshotWhoseConnectionBrokeFailsAndIsNotContinuedElsewhere) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  auto snapshot = Snap("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  Sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
      "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  for (int i = 0; i < 2; ++i) {
    Answer<absl::StatusOr<Snapshot::Page>> page;
    (*snapshot)->Next(1000, absl::Now() + kPatience, page.Done());
    EXPECT_EQ(page.Await().status().code(), absl::StatusCode::kUnavailable);
  }
  snapshot->reset();
  EXPECT_TRUE(Snap("s").ok());
}

// A standby that was promoted elsewhere, or a host that turns a database read-only because its disk is full.
TEST_F(PostgresBackendTest, ReadOnlyDatabaseIsNamedAndServesAgain) {
  Open();
  ASSERT_TRUE(Apply({SetKey("s", "1")}).front().ok());
  const std::string database = url().substr(url().rfind('/') + 1);
  Sql(absl::StrCat("ALTER DATABASE ", database, " SET default_transaction_read_only = on"));
  CutConnections();
  for (const absl::Status& status : {Apply({SetKey("s", "2")}).front().status(), Read("s").status(), Ping()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), std::string(kDatabaseReadOnly)) << status;
    EXPECT_TRUE(RetryDelayOf(status).has_value());
  }
  const absl::Status opened = TryOpenAnother();
  EXPECT_EQ(ReasonOf(opened), std::string(kDatabaseReadOnly)) << opened;
  EXPECT_THAT(std::string(opened.message()), HasSubstr("disk is full"));
  const absl::Status writable = TestPostgres::Run(
      postgres().url(), absl::StrCat("ALTER DATABASE ", database, " RESET default_transaction_read_only"));
  ASSERT_TRUE(writable.ok()) << writable;
  AwaitServing();
  EXPECT_TRUE(Apply({SetKey("s", "2")}).front().ok());
}

// Connections that are there stay, and each statement is told so.
TEST_F(PostgresBackendTest, SignOfLifeSeesThatADatabaseTurnedReadOnly) {
  Open();
  EXPECT_TRUE(Ping().ok());
  for (const char* sql : {"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"}) Sql(sql);
  const std::string writing = absl::StrCat(url(), "?options=-c%20default_transaction_read_only%3Doff");
  absl::Status ping;
  do {
    ping = Ping();
  } while (ping.ok());
  for (const char* sql : {"ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"}) {
    const absl::Status reset = TestPostgres::Run(writing, sql);
    EXPECT_TRUE(reset.ok()) << reset;
  }
  EXPECT_EQ(ReasonOf(ping), std::string(kDatabaseReadOnly)) << ping;
  AwaitServing();
}

TEST_F(PostgresBackendTest, RoleWithoutAConnectionToSpareIsNamed) {
  OwnByRole("CONNECTION LIMIT 100");
  Open();
  AwaitApplied(SetKey("s", "1"));
  LimitConnections(0);
  CutConnections();
  for (const absl::Status& status : {Apply({SetKey("s", "2")}).front().status(), Snap("s").status(), Ping()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), std::string(kTooManyConnections)) << status;
    EXPECT_TRUE(RetryDelayOf(status).has_value());
  }
  const absl::Status opened = TryOpenAnother();
  EXPECT_EQ(ReasonOf(opened), std::string(kTooManyConnections)) << opened;
  EXPECT_THAT(std::string(opened.message()), HasSubstr("--postgres-connections"));
}

// All at once, so that every connection is wanted: none is made beyond the number.
TEST_F(PostgresBackendTest, OneNumberBoundsAllConnections) {
  OwnByRole("CONNECTION LIMIT 3");
  options().connections = kLeastPostgresConnections;
  Open();
  // The server takes a moment to forget the connections of the start.
  AwaitApplied(SetKey("s", "1"));
  AwaitServing();
  constexpr int kCalls = 20;
  for (int round = 0; round < 5; ++round) {
    auto snapshot = Snap("s");
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> commits(kCalls);
    for (int i = 0; i < kCalls; ++i) {
      backend().Apply({SetKey(absl::StrCat("s", i), "1")}, absl::Now() + kPatience, commits[i].Done());
    }
    EXPECT_TRUE(Ping().ok());
    for (auto& commit : commits) {
      const auto applied = commit.Await().front();
      EXPECT_TRUE(applied.ok()) << applied.status();
    }
  }
}

// A role that may have fewer connections than the number: what it gets serves, snapshots too.
TEST_F(PostgresBackendTest, FewerConnectionsThanTheNumberServe) {
  OwnByRole("CONNECTION LIMIT 4");
  Open();
  AwaitApplied(SetKey("s", "1"));
  constexpr int kCalls = 100;
  std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> commits(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    backend().Apply({SetKey(absl::StrCat("s", i), "1")}, absl::Now() + kPatience, commits[i].Done());
    if (i % 10 != 0) continue;
    // Asked again as clients do: so long as connections are being made it may be refused.
    const absl::Time end = absl::Now() + kPatience;
    absl::Status opened;
    do {
      opened = Snap("s").status();
    } while (!opened.ok() && absl::Now() < end);
    EXPECT_TRUE(opened.ok()) << opened;
  }
  AwaitServing();
  for (auto& commit : commits) {
    const auto applied = commit.Await().front();
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
}

TEST_F(PostgresBackendTest, RoleWithTooFewConnectionsIsRefusedAtTheStart) {
  OwnByRole("CONNECTION LIMIT 2");
  const absl::Status opened = TryOpenAnother();
  EXPECT_EQ(opened.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(opened), std::string(kTooManyConnections)) << opened;
}

// The sign of life has its connection, and nobody else gets one.
TEST_F(PostgresBackendTest, SignOfLifeSeesThatTooFewConnectionsAreLeft) {
  OwnByRole("CONNECTION LIMIT 3");
  options().connections = kLeastPostgresConnections;
  Open();
  AwaitApplied(SetKey("s", "1"));
  AwaitServing();
  LimitConnections(1);
  CutConnections();
  absl::Status ping;
  const absl::Time end = absl::Now() + kPatience;
  do {
    ping = Ping();
    // What is asked finds out that its connection is gone.
    Apply({SetKey("s", "1")});
  } while (ping.ok() && absl::Now() < end);
  EXPECT_EQ(ReasonOf(ping), std::string(kTooManyConnections)) << ping;
  LimitConnections(-1);
  // Without any call.
  AwaitServing();
  EXPECT_EQ(Snap("nobody").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(PostgresBackendTest, RefusedStatementCarriesItsMessageForTheLog) {
  Open();
  Sql("ALTER TABLE authstate.auth_keys RENAME TO elsewhere");
  const absl::Status status = Read("s").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_THAT(CauseOf(status).value_or(""), testing::MatchesRegex(".*auth_keys. does not exist"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("auth_keys")));
}

TEST_F(PostgresBackendTest, FullQueueRefusesAtOnce) {
  options().queue_limit = 0;
  Open();
  const absl::Status status = Apply({SetKey("s", "1")}).front().status();
  EXPECT_EQ(ReasonOf(status), std::string(kQueueFull));
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
}

}  // namespace
}  // namespace authstate::storage
