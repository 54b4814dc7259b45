// authstatectl schema, on real databases: direct, through a transaction pooler, and on a SQLite file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/growing_record.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_pgbouncer.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using test::TestPgBouncer;
using test::TestPostgres;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kDiffers = 6;
constexpr int kServerSchema = 6;

std::unique_ptr<Subprocess> Start(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), test::ProgramPath(program));
  auto process = Subprocess::Start({std::move(arguments), {}});
  EXPECT_TRUE(process.ok()) << process.status();
  return process.ok() ? *std::move(process) : nullptr;
}

CliResult Finish(Subprocess* process) {
  CliResult result;
  if (process == nullptr) return result;
  const auto exit = process->Wait(kPatience);
  EXPECT_TRUE(exit.ok()) << exit.status();
  result.code = exit.ok() ? exit->code.value_or(-1) : -1;
  result.out = process->output(Subprocess::Stream::kStdout);
  result.err = process->output(Subprocess::Stream::kStderr);
  return result;
}

// `authstatectl schema` on one database.
class Schema {
 public:
  explicit Schema(std::vector<std::string> database) : database_(std::move(database)) {}

  std::unique_ptr<Subprocess> Begin(std::vector<std::string> arguments) const {
    std::vector<std::string> all = {"schema"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), database_.begin(), database_.end());
    return Start("authstatectl", std::move(all));
  }
  CliResult Run(std::vector<std::string> arguments) const { return Finish(Begin(std::move(arguments)).get()); }

  nlohmann::json Status() const {
    const CliResult result = Run({"status", "--json"});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.OutJson();
  }

 private:
  const std::vector<std::string> database_;
};

// Up, status, verify and down, as every kind of database has them.
void ExpectWholeLife(const Schema& schema) {
  nlohmann::json status = schema.Status();
  const int known = status["known"];
  EXPECT_EQ(status["version"], 0);
  EXPECT_EQ(status["pending"].size(), known);
  EXPECT_EQ(schema.Run({"verify"}).code, kNotFound);

  const CliResult dry = schema.Run({"up", "--dry-run"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("would apply 1 native"));
  EXPECT_EQ(schema.Status()["version"], 0);

  const CliResult up = schema.Run({"up"});
  EXPECT_EQ(up.code, 0) << up.err;
  EXPECT_THAT(up.err, HasSubstr("applied 1 native"));
  EXPECT_EQ(schema.Status()["version"], known);
  EXPECT_THAT(schema.Run({"up"}).out, HasSubstr("nothing to do"));
  const CliResult verified = schema.Run({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;

  const std::string before = absl::StrCat(known - 1);
  EXPECT_EQ(schema.Run({"down", "--to", before}).code, kRefused);
  EXPECT_THAT(schema.Run({"down", "--to", before, "--dry-run"}).out,
              HasSubstr(absl::StrCat("would take back ", known)));
  EXPECT_EQ(schema.Status()["version"], known);
  const CliResult down = schema.Run({"down", "--to", before, "--yes"});
  EXPECT_EQ(down.code, 0) << down.err;
  EXPECT_EQ(schema.Status()["version"], known - 1);
  EXPECT_EQ(schema.Run({"verify"}).code, 0);
  // And up again from there, then all the way down.
  EXPECT_EQ(schema.Run({"up"}).code, 0);
  EXPECT_EQ(schema.Run({"verify"}).code, 0);
  EXPECT_EQ(schema.Run({"down", "--to", "0", "--yes"}).code, 0);
  EXPECT_EQ(schema.Status()["version"], 0);
}

class SchemaCommandTest : public test::PostgresTest {
 protected:
  Schema OnPostgres() const { return OnPostgres(url()); }
  static Schema OnPostgres(const std::string& url) { return Schema({"--backend=postgres", "--postgres-url=" + url}); }
  // How authstated ends that finds this database.
  CliResult Serve() const {
    return Finish(Start("authstated", {"--backend=postgres", "--postgres-url=" + url(), "--listen=127.0.0.1:0"}).get());
  }

  // Holds the lock of a schema change until Release, or its end.
  class Holder {
   public:
    explicit Holder(std::string url) : url_(std::move(url)) {
      thread_ = std::thread([this] {
        // It ends as an error, being terminated.
        TestPostgres::Run(url_,
                          "BEGIN; LOCK TABLE authstate.auth_schema_migrations IN EXCLUSIVE MODE; SELECT pg_sleep(600)")
            .IgnoreError();
      });
      AwaitLocks("granted", 1);
    }
    ~Holder() { Release(); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    void AwaitLocks(const std::string& which, int count) const {
      const absl::Status found = TestPostgres::AwaitAnswer(
          url_,
          absl::StrCat(
              "SELECT count(*) FROM pg_locks WHERE relation = 'authstate.auth_schema_migrations'::regclass AND "
              "mode = 'ExclusiveLock' AND ",
              which),
          absl::StrCat(count));
      EXPECT_TRUE(found.ok()) << found;
    }
    void Release() {
      if (!thread_.joinable()) return;
      const absl::Status ended = TestPostgres::Run(
          url_,
          "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' "
          "AND pid <> pg_backend_pid() AND datname = current_database()");
      EXPECT_TRUE(ended.ok()) << ended;
      thread_.join();
    }

   private:
    const std::string url_;
    std::thread thread_;
  };

  test::TempDir directory_;

 private:
};

TEST_F(SchemaCommandTest, WholeLifeOnPostgres) { ExpectWholeLife(OnPostgres()); }

TEST_F(SchemaCommandTest, WholeLifeThroughATransactionPooler) {
  TestPgBouncer::Options options;
  options.postgres_port = postgres().port();
  const auto pooler = TestPgBouncer::Create(options);
  ASSERT_TRUE(pooler.ok()) << pooler.status();
  ExpectWholeLife(OnPostgres((*pooler)->Through(url())));
}

TEST_F(SchemaCommandTest, TheCompanionOfTheLegacyLayoutIsMadeVerifiedAndTakenAway) {
  Sql("CREATE TABLE whatsapp_auth (company_id text PRIMARY KEY, creds jsonb NOT NULL, "
      "created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()); "
      "CREATE TABLE whatsapp_keys (company_id text, key_type text, key_id text, value jsonb NOT NULL, "
      "created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), expires_at timestamptz, "
      "PRIMARY KEY (company_id, key_type, key_id))");
  EXPECT_EQ(OnPostgres().Status()["layout"], "legacy");
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  const CliResult verified = OnPostgres().Run({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  Sql("ALTER TABLE authstate.legacy_sessions DROP COLUMN barrier; DROP FUNCTION authstate.legacy_lost_race()");
  const CliResult differs = OnPostgres().Run({"verify"});
  EXPECT_EQ(differs.code, kDiffers);
  EXPECT_THAT(differs.out, AllOf(HasSubstr("legacy_sessions: missing: column barrier bigint"),
                                 HasSubstr("legacy_lost_race: missing: function")));
  Sql("ALTER TABLE authstate.legacy_sessions ADD COLUMN barrier bigint; "
      "CREATE FUNCTION authstate.legacy_lost_race() RETURNS boolean LANGUAGE sql AS 'SELECT true'");
  const CliResult down = OnPostgres().Run({"down", "--to", "0", "--yes"});
  EXPECT_EQ(down.code, 0) << down.err;
  const auto left = TestPostgres::Query(url(), "SELECT to_regclass('authstate.legacy_sessions') IS NULL");
  EXPECT_EQ(left.value_or(""), "t");
}

TEST_F(SchemaCommandTest, WholeLifeOnSqlite) {
  const std::string path = directory_.File("authstate.db");
  const Schema schema({"--backend=sqlite", "--sqlite-path=" + path});
  EXPECT_EQ(schema.Run({"status"}).code, kNotFound);
  auto server = test::TestServer::Create({{"--sqlite-path", path}, {}});
  ASSERT_TRUE(server.ok()) << server.status();
  // Looking does not disturb the server; changing would.
  EXPECT_EQ(schema.Status()["version"], schema.Status()["known"]);
  EXPECT_EQ(schema.Run({"verify"}).code, 0);
  const CliResult refused = schema.Run({"down", "--to", "0", "--yes"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("another process serves this file"));
  ASSERT_TRUE((*server)->Terminate().ok());
  EXPECT_EQ(schema.Run({"down", "--to", "0", "--yes"}).code, 0);
  ExpectWholeLife(schema);
}

TEST_F(SchemaCommandTest, CompressedValuesAreNotTakenBackToAVersionThatCannotReadThem) {
  const std::string path = directory_.File("authstate.db");
  const std::string value = absl::StrCat("\"", std::string(5000, 'x'), "\"");
  const std::vector<std::vector<std::string>> databases = {{"--backend=sqlite", "--sqlite-path=" + path},
                                                           {"--backend=postgres", "--postgres-url=" + url()}};
  for (const std::vector<std::string>& database : databases) {
    auto server = test::TestServer::Create({database, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    const CliResult set = Finish(
        Start("authstatectl", {"--address", (*server)->address(), "keys", "set", "s", "session", "1", value}).get());
    ASSERT_EQ(set.code, 0) << set.err;
    ASSERT_TRUE((*server)->Terminate().ok());
    const Schema schema(database);
    const CliResult refused = schema.Run({"down", "--to", "3", "--yes"});
    EXPECT_NE(refused.code, 0);
    EXPECT_THAT(refused.err,
                HasSubstr("Fails where a value is compressed, which SQL cannot undo: export the sessions"));
    EXPECT_EQ(schema.Status()["version"], 4);
    EXPECT_EQ(schema.Run({"verify"}).code, 0);
  }
}

TEST_F(SchemaCommandTest, PatchedValuesAreNotTakenBackToAVersionThatCannotReadThem) {
  const std::vector<std::string> database = {"--backend=postgres", "--postgres-url=" + url()};
  auto server = test::TestServer::Create({database, {}});
  ASSERT_TRUE(server.ok()) << server.status();
  test::GrowingRecord record(300);
  for (int i = 0; i < 2; ++i) {
    record.Turn();
    const CliResult set = Finish(Start("authstatectl", {"--address", (*server)->address(), "keys", "set", "s",
                                                        "session", "1", record.value().bytes})
                                     .get());
    ASSERT_EQ(set.code, 0) << set.err;
  }
  ASSERT_TRUE((*server)->Terminate().ok());
  EXPECT_EQ(TestPostgres::Query(url(), "SELECT kind FROM authstate.auth_keys").value_or(""), "6");
  const Schema schema(database);
  const CliResult refused = schema.Run({"down", "--to", "4", "--yes"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("Fails where a value has a patch, which SQL cannot apply: export the sessions"));
  EXPECT_EQ(schema.Status()["version"], 5);
  EXPECT_EQ(schema.Run({"verify"}).code, 0);
  ASSERT_TRUE(TestPostgres::Run(url(), "DELETE FROM authstate.auth_keys").ok());
  EXPECT_EQ(schema.Run({"down", "--to", "4", "--yes"}).code, 0);
  EXPECT_EQ(schema.Run({"verify"}).code, 0);
}

TEST_F(SchemaCommandTest, TheOptionsOfTheServerCountInEnvironmentAndFileToo) {
  auto process = Subprocess::Start({{test::ProgramPath("authstatectl"), "schema", "status"},
                                    {"AUTHSTATE_POSTGRES_URL=" + url(), "AUTHSTATE_BACKEND=postgres"}});
  ASSERT_TRUE(process.ok()) << process.status();
  const CliResult result = Finish(process->get());
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("postgres 127.0.0.1:"), HasSubstr("to apply")));
}

TEST_F(SchemaCommandTest, AWrongConnectionIsSaidWithoutItsPassword) {
  const CliResult result = OnPostgres("postgresql://u:s3cret@127.0.0.1:1/d").Run({"status"});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, AllOf(HasSubstr("127.0.0.1:1/d: connection refused"), Not(HasSubstr("s3cret"))));
}

TEST_F(SchemaCommandTest, AChangedFileIsRefusedEverywhere) {
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  Sql("UPDATE authstate.auth_schema_migrations SET checksum = 'other' WHERE version = 1");
  const std::vector<std::vector<std::string>> commands = {
      {"status"}, {"plan"}, {"up"}, {"verify"}, {"down", "--to", "0", "--yes"}};
  for (const std::vector<std::string>& command : commands) {
    const CliResult result = OnPostgres().Run(command);
    EXPECT_EQ(result.code, kRefused) << command.front();
    EXPECT_THAT(result.err, HasSubstr("migration 1 (native) is not the one"));
  }
  EXPECT_EQ(Serve().code, kServerSchema);
}

TEST_F(SchemaCommandTest, AnUnknownNewerVersionIsRefusedEverywhere) {
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  Sql("INSERT INTO authstate.auth_schema_migrations (version, name, checksum, serves_from) "
      "SELECT max(version) + 1, 'later', 'x', max(version) + 1 FROM authstate.auth_schema_migrations");
  for (const char* command : {"status", "up", "verify"}) {
    const CliResult result = OnPostgres().Run({command});
    EXPECT_EQ(result.code, kRefused) << command;
    EXPECT_THAT(result.err, HasSubstr("run a newer version"));
  }
  EXPECT_EQ(Serve().code, kServerSchema);
}

TEST_F(SchemaCommandTest, ANewerVersionThatOnlyExpandsIsServedButNotTakenBack) {
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  Sql("INSERT INTO authstate.auth_schema_migrations (version, name, checksum, serves_from) "
      "SELECT max(version) + 1, 'later', 'x', 1 FROM authstate.auth_schema_migrations");
  EXPECT_THAT(OnPostgres().Run({"status"}).out, HasSubstr("newer than this program"));
  EXPECT_EQ(OnPostgres().Run({"down", "--to", "1", "--yes"}).code, kRefused);
}

TEST_F(SchemaCommandTest, AnOlderSchemaIsServedOnlyOnceItIsBroughtUpToDate) {
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  ASSERT_EQ(OnPostgres().Run({"down", "--to", "1", "--yes"}).code, 0);
  const CliResult refused = Serve();
  EXPECT_EQ(refused.code, kServerSchema);
  EXPECT_THAT(refused.err, HasSubstr("authstatectl schema up"));
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  EXPECT_TRUE(test::TestServer::Create({{"--backend=postgres", "--postgres-url=" + url()}, {}}).ok());
}

TEST_F(SchemaCommandTest, VerifyShowsEachDifference) {
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  Sql("ALTER TABLE authstate.auth_keys ADD COLUMN extra int; ALTER TABLE authstate.auth_creds ALTER COLUMN value DROP "
      "NOT NULL; "
      "ALTER TABLE authstate.auth_keys DROP CONSTRAINT auth_keys_pkey; CREATE INDEX added ON authstate.auth_sessions "
      "(revision); "
      "CREATE TABLE somebody_elses (id int)");
  const CliResult result = OnPostgres().Run({"verify"});
  EXPECT_EQ(result.code, kDiffers);
  EXPECT_THAT(result.out, AllOf(HasSubstr("auth_keys: not of the migrations: column extra integer"),
                                HasSubstr("auth_creds: missing: column value bytea not null"),
                                HasSubstr("auth_keys: missing: constraint auth_keys_pkey"),
                                HasSubstr("auth_sessions: not of the migrations: index CREATE INDEX added")));
  EXPECT_THAT(result.out, Not(HasSubstr("somebody_elses")));
  // It leaves nothing behind.
  const auto schemas = TestPostgres::Query(url(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'authstate%'");
  EXPECT_EQ(schemas.value_or(""), "1");
}

TEST_F(SchemaCommandTest, OfTwoUpsAtOnceOneWaitsAndFindsNothingToDo) {
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  // One migration to apply: each has a transaction of its own, so of several each process may get some.
  const int known = OnPostgres().Status()["known"];
  ASSERT_EQ(OnPostgres().Run({"down", "--to", absl::StrCat(known - 1), "--yes"}).code, 0);
  Holder holder(url());
  const auto first = OnPostgres().Begin({"up"});
  const auto second = OnPostgres().Begin({"up"});
  holder.AwaitLocks("NOT granted", 2);
  holder.Release();
  const CliResult results[] = {Finish(first.get()), Finish(second.get())};
  EXPECT_EQ(results[0].code, 0) << results[0].err;
  EXPECT_EQ(results[1].code, 0) << results[1].err;
  EXPECT_NE(results[0].err.empty(), results[1].err.empty()) << "both, or neither, applied it";
  EXPECT_THAT(results[0].out + results[1].out, HasSubstr("nothing to do"));
}

TEST_F(SchemaCommandTest, UpsAtOnceOnAnEmptyDatabaseAllEndWell) {
  std::vector<std::unique_ptr<Subprocess>> ups;
  ups.reserve(4);
  for (int i = 0; i < 4; ++i) ups.push_back(OnPostgres().Begin({"up"}));
  int applied = 0;
  for (const auto& up : ups) {
    const CliResult result = Finish(up.get());
    EXPECT_EQ(result.code, 0) << result.err;
    if (!result.err.empty()) ++applied;
  }
  EXPECT_EQ(applied, 1);
}

TEST_F(SchemaCommandTest, TheLockIsWaitedForNoLongerThanAskedFor) {
  ASSERT_EQ(OnPostgres().Run({"up"}).code, 0);
  const Holder holder(url());
  const CliResult result = OnPostgres().Run({"up", "--lock-timeout", "200ms"});
  EXPECT_EQ(result.code, kUnavailable);
  EXPECT_THAT(result.err, HasSubstr("--lock-timeout"));
}

TEST_F(SchemaCommandTest, AMissingRightIsSaid) {
  Sql("CREATE ROLE lowly LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  std::string url_of_lowly = url();
  url_of_lowly.replace(url_of_lowly.find("postgres@"), 9, "lowly@");
  const CliResult result = OnPostgres(url_of_lowly).Run({"up"});
  EXPECT_EQ(result.code, kRefused);
  EXPECT_THAT(result.err, HasSubstr("SQLSTATE 42501"));
}

TEST_F(SchemaCommandTest, AMigrationThatFailsLeavesNothingBehind) {
  Sql("CREATE SCHEMA authstate; CREATE TABLE authstate.auth_creds (mine int)");
  const CliResult result = OnPostgres().Run({"up"});
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("migration 1 (native)"));
  const auto left = TestPostgres::Query(url(), "SELECT to_regclass('authstate.auth_sessions') IS NULL");
  EXPECT_EQ(left.value_or(""), "t");
}

}  // namespace
}  // namespace authstate
