// What the PostgreSQL driver does where the database refuses, is strange, or has other users.
#include "tests/conformance/postgres_backend_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

// What a server of the version before leaves of the time of a key that it makes.
TEST_F(PostgresBackendTest, AKeyOfUnknownTimeIsNotAmongTheUnchangedUntilItIsWritten) {
  Open();
  Commit commit;
  commit.session_id = "s";
  for (const char* const id : {"1", "2", "3"}) commit.sets.push_back({{"t", id}, {ValueKind::kRaw, "v"}});
  ASSERT_TRUE(Apply({commit}).front().ok());
  Sql("UPDATE authstate.auth_keys SET changed_at = NULL");
  // By each of the statements that set keys.
  commit.sets = {{{"t", "2"}, {ValueKind::kRaw, "v"}}};
  ASSERT_TRUE(Apply({commit}).front().ok());
  commit.sets = {{{"t", "3"}, {ValueKind::kRaw, "v"}}};
  commit.creds = Value{ValueKind::kJson, "{}"};
  ASSERT_TRUE(Apply({commit}).front().ok());
  SnapshotRequest request{"s"};
  request.want_values = false;
  const auto select = [&] {
    const auto snapshot = Snap(request);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    Answer<absl::StatusOr<Snapshot::Page>> page;
    (*snapshot)->Next(1'000, absl::Now() + kPatience, page.Done());
    return page.Await()->summaries;
  };
  const auto all = select();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_FALSE(all[0].change_time.has_value());
  EXPECT_TRUE(all[1].change_time.has_value());
  EXPECT_TRUE(all[2].change_time.has_value());
  request.unchanged_for = absl::ZeroDuration();
  EXPECT_EQ(select().size(), 2U);
}

// More of them than a statement looks at.
TEST_F(PostgresBackendTest, ManyKeysThatAreNotAskedForAreNoPage) {
  constexpr int kMany = 45'000;
  Open();
  Commit commit;
  commit.session_id = "s";
  commit.sets = {{{"z", "last"}, {ValueKind::kRaw, "v"}}};
  ASSERT_TRUE(Apply({commit}).front().ok());
  Sql(absl::StrCat("INSERT INTO authstate.auth_keys SELECT 's', 'm', g::text, 1, 'v' FROM generate_series(1, ", kMany,
                   ") g; UPDATE authstate.auth_sessions SET names = NULL"));
  SnapshotRequest request{"s"};
  request.types = {"z"};
  request.want_values = false;
  const auto snapshot = Snap(request);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  Answer<absl::StatusOr<Snapshot::Page>> answer;
  (*snapshot)->Next(1'000, absl::Now() + kPatience, answer.Done());
  const auto page = answer.Await();
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->last);
  EXPECT_EQ(page->summaries.size(), 1U);
}

// A key that is lost is no absence, also where its type is not asked for.
TEST_F(PostgresBackendTest, ASelectionNoticesWhatIsMissing) {
  Open();
  Commit commit;
  commit.session_id = "s";
  commit.sets = {{{"a", "1"}, {ValueKind::kRaw, "v"}}, {{"b", "1"}, {ValueKind::kRaw, "v"}}};
  ASSERT_TRUE(Apply({commit}).front().ok());
  Sql("DELETE FROM authstate.auth_keys WHERE key_type = 'b'");
  for (const char* const type : {"a", "b"}) {
    SnapshotRequest request{"s"};
    request.types = {type};
    const auto snapshot = Snap(request);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    Answer<absl::StatusOr<Snapshot::Page>> page;
    (*snapshot)->Next(1'000, absl::Now() + kPatience, page.Done());
    EXPECT_TRUE(absl::IsDataLoss(page.Await().status())) << type;
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

TEST_F(PostgresBackendTest, RefusedStatementCarriesItsMessageForTheLog) {
  Open();
  Sql("ALTER TABLE authstate.auth_keys RENAME TO elsewhere");
  const absl::Status status = Read("s").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_THAT(CauseOf(status).value_or(""), testing::MatchesRegex(".*auth_keys. does not exist"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("auth_keys")));
}

}  // namespace
}  // namespace authstate::storage
