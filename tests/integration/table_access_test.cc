// Who can reach the tables, on databases as Supabase has them: with roles of a public data API, which have every right
// on each new table of `public` by default privileges.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/postgres_test.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using test::TestPostgres;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kServerSchema = 6;
constexpr const char* kApiRoles[] = {"anon", "authenticated", "service_role"};

// As Supabase makes them, but for `app` and `bystander`, which are roles of an operator's own.
constexpr char kRoles[] = R"sql(
CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN; CREATE ROLE service_role NOLOGIN BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT; GRANT anon, authenticated, service_role TO authenticator;
CREATE ROLE app LOGIN; CREATE ROLE bystander LOGIN)sql";
constexpr char kDefaultPrivileges[] = R"sql(
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role)sql";

std::string FileOfMigrations(const std::string& path) {
  std::ifstream file(absl::StrCat(AUTHSTATE_MIGRATIONS_DIR, "/", path));
  std::ostringstream sql;
  sql << file.rdbuf();
  EXPECT_TRUE(file) << path;
  return sql.str();
}

class TableAccessTest : public test::PostgresTest {
 protected:
  static void SetUpTestSuite() {
    ASSERT_NO_FATAL_FAILURE(PostgresTest::SetUpTestSuite());
    const absl::Status made = TestPostgres::Run(postgres().url(), kRoles);
    ASSERT_TRUE(made.ok()) << made;
  }

  void SetUp() override {
    PostgresTest::SetUp();
    Sql(kDefaultPrivileges);
  }

  // The tables as the version of schema 5 made them: where the search path led.
  void MakeOldTables() const {
    Sql("CREATE TABLE auth_schema_migrations (version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, "
        "serves_from int NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())");
    int version = 0;
    for (const char* name : {"native", "commit_ids", "leases", "compressed_values", "patched_values"}) {
      const std::string sql = FileOfMigrations(absl::StrCat("postgres/000", ++version, "_", name, ".sql"));
      Sql(sql);
      const std::string serves_from = sql.substr(sql.find(": ") + 2, 1);
      Sql(absl::StrCat("INSERT INTO auth_schema_migrations (version, name, checksum, serves_from) VALUES (", version,
                       ", '", name, "', encode(sha256(convert_to($file$", sql, "$file$, 'UTF8')), 'hex'), ",
                       serves_from, ")"));
    }
    Sql("INSERT INTO auth_sessions (session_id, revision, present, updated_at) VALUES ('old', 1, true, now()); "
        "INSERT INTO auth_keys (session_id, key_type, key_id, kind, value) VALUES ('old', 't', '1', 2, '\"stored\"')");
  }

  // authstatectl schema on this database, as `role`.
  CliResult Schema(std::vector<std::string> arguments, const std::string& role = "postgres") const {
    arguments.insert(arguments.begin(), "schema");
    arguments.insert(arguments.end(), {"--backend=postgres", "--postgres-url=" + UrlAs(role)});
    return CliRunner("").Run(std::move(arguments));
  }
  std::string UrlAs(const std::string& role) const {
    return absl::StrReplaceAll(url(), {{"//postgres@", absl::StrCat("//", role, "@")}});
  }
  std::unique_ptr<test::TestServer> Serve(std::vector<std::string> more = {},
                                          const std::string& role = "postgres") const {
    more.insert(more.end(), {"--backend=postgres", "--postgres-url=" + UrlAs(role)});
    auto server = test::TestServer::Create({std::move(more), {}});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  // Why a server does not start.
  std::string WhyRefused(const std::string& role = "postgres") const {
    auto process = Subprocess::Start({{test::ProgramPath("authstated"), "--backend=postgres",
                                       "--postgres-url=" + UrlAs(role), "--listen=127.0.0.1:0"},
                                      {}});
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return "";
    const auto exit = (*process)->Wait(kPatience);
    EXPECT_TRUE(exit.ok() && exit->code == kServerSchema) << exit.status();
    return (*process)->output(Subprocess::Stream::kStderr);
  }
  static std::string Key(const test::TestServer& server, const std::string& session, const std::string& id) {
    return CliRunner(server.address()).Run({"keys", "get", session, "t", id}).out;
  }
  static void SetKey(const test::TestServer& server, const std::string& session) {
    const CliResult set = CliRunner(server.address()).Run({"keys", "set", session, "t", "1", "\"stored\""});
    EXPECT_EQ(set.code, 0) << set.err;
  }

  // None of the roles of the data API reads the table, or changes anything of it.
  void ExpectClosed(const std::vector<std::string>& tables) const {
    for (const char* role : kApiRoles) {
      for (const std::string& table : tables) {
        for (const char* statement : {"SELECT FROM %", "DELETE FROM %", "TRUNCATE %", "INSERT INTO % DEFAULT VALUES"}) {
          const std::string sql = absl::StrReplaceAll(statement, {{"%", table}});
          const absl::Status run = TestPostgres::Run(url(), absl::StrCat("SET ROLE ", role, "; ", sql));
          EXPECT_THAT(std::string(run.message()), HasSubstr("permission denied")) << role << ": " << sql;
        }
      }
    }
  }

  // No table of our schema was left out, as one would be that LayoutSchema::tables does not name.
  void ExpectAllClosed() const {
    EXPECT_EQ(Query("SELECT count(*) FROM pg_class WHERE relnamespace = 'authstate'::regnamespace AND relkind = 'r' "
                    "AND NOT relrowsecurity"),
              "0");
  }

  static std::vector<std::string> NativeTables(const std::string& schema) {
    return {schema + ".auth_creds",    schema + ".auth_grants",           schema + ".auth_grants_version",
            schema + ".auth_keys",     schema + ".auth_keyring",          schema + ".auth_hidden_key_ids",
            schema + ".auth_sessions", schema + ".auth_schema_migrations"};
  }

 private:
};

TEST_F(TableAccessTest, TheTablesOfANewDatabaseAreClosedToTheDataApi) {
  // Also where its roles have rights on whatever is made, in any schema.
  Sql("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon; ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO anon");
  const auto server = Serve();
  ASSERT_NE(server, nullptr);
  SetKey(*server, "s");
  ExpectClosed(NativeTables("authstate"));
  ExpectAllClosed();
  EXPECT_EQ(Query("SELECT count(*) FROM authstate.auth_keys"), "1");
  EXPECT_EQ(Query("SELECT has_schema_privilege('anon', 'authstate', 'USAGE')"), "f");
  EXPECT_EQ(Query("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), "0");
  const CliResult verified = Schema({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out;
}

TEST_F(TableAccessTest, TheTablesOfAnOlderVersionAreClosedWhereTheyStand) {
  MakeOldTables();
  EXPECT_EQ(Query("SET ROLE anon; SELECT convert_from(value, 'UTF8') FROM auth_keys"), "\"stored\"");
  const CliResult open = Schema({"verify"});
  EXPECT_EQ(open.code, kDataLoss);
  EXPECT_THAT(open.out, AllOf(HasSubstr("auth_creds: exposed: anon has DELETE, INSERT, "),
                              HasSubstr("auth_keys: exposed: service_role has DELETE, "),
                              HasSubstr("auth_sessions: exposed: row level security is off")));
  EXPECT_THAT(WhyRefused(), HasSubstr("authstatectl schema up"));

  const CliResult up = Schema({"up"});
  EXPECT_EQ(up.code, 0) << up.err;
  ExpectClosed(NativeTables("public"));
  const CliResult verified = Schema({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out;
  // What was there is served, and the tables stay where they are.
  const auto server = Serve();
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Key(*server, "old", "1"), HasSubstr("stored"));
  SetKey(*server, "new");
  EXPECT_EQ(Query("SELECT count(*) FROM public.auth_keys"), "2");
  EXPECT_EQ(Query("SELECT to_regnamespace('authstate') IS NULL"), "t");
}

TEST_F(TableAccessTest, TheSameByOneStartThatMigrates) {
  MakeOldTables();
  const auto server = Serve({"--migrate"});
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Key(*server, "old", "1"), HasSubstr("stored"));
  ExpectClosed(NativeTables("public"));
}

TEST_F(TableAccessTest, TablesAreFoundThoughTheSearchPathLeadsElsewhere) {
  MakeOldTables();
  Sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = extensions', current_database()); END $$");
  const auto server = Serve({"--migrate"});
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Key(*server, "old", "1"), HasSubstr("stored"));
}

TEST_F(TableAccessTest, TablesInASchemaOfTheSearchPathAreServedThere) {
  Sql("CREATE SCHEMA \"An 'odd' one\"; "
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = \"An ''odd'' one\"', current_database()); END "
      "$$");
  MakeOldTables();
  const auto server = Serve({"--migrate"});
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Key(*server, "old", "1"), HasSubstr("stored"));
  EXPECT_EQ(Schema({"verify"}).code, 0);
}

TEST_F(TableAccessTest, RightsThatCameLaterAreRefusedAndTakenAway) {
  ASSERT_EQ(Schema({"up"}).code, 0);
  Sql("GRANT USAGE ON SCHEMA authstate TO PUBLIC; GRANT SELECT (value) ON authstate.auth_creds TO anon; "
      "GRANT ALL ON authstate.auth_keys TO authenticated; "
      "ALTER DEFAULT PRIVILEGES IN SCHEMA authstate GRANT ALL ON TABLES TO anon");
  EXPECT_THAT(WhyRefused(), AllOf(HasSubstr("other roles have rights (PUBLIC, anon, authenticated)"),
                                  HasSubstr("run authstatectl schema protect")));
  EXPECT_THAT(Schema({"verify"}).out, AllOf(HasSubstr("authstate: exposed: PUBLIC has USAGE"),
                                            HasSubstr("authstate.auth_creds: exposed: anon has SELECT")));
  {
    const auto server = Serve({"--allow-exposed-tables"});
    ASSERT_NE(server, nullptr);
    EXPECT_TRUE(server->process()
                    .WaitForLine("other roles have rights (PUBLIC, anon, authenticated)", kPatience,
                                 Subprocess::Stream::kStderr)
                    .ok());
  }
  const CliResult dry = Schema({"protect", "--dry-run"});
  EXPECT_THAT(dry.out, HasSubstr("REVOKE ALL ON TABLE authstate.auth_creds FROM anon CASCADE;"));
  EXPECT_EQ(Schema({"verify"}).code, kDataLoss);
  const CliResult protect = Schema({"protect"});
  EXPECT_EQ(protect.code, 0) << protect.err;
  EXPECT_EQ(protect.out, dry.out);
  EXPECT_THAT(Schema({"protect"}).out, HasSubstr("nothing to do"));
  EXPECT_EQ(Schema({"verify"}).code, 0);
  ExpectClosed(NativeTables("authstate"));
  Sql("CREATE TABLE authstate.later (id int)");
  EXPECT_EQ(Query("SELECT has_table_privilege('anon', 'authstate.later', 'SELECT')"), "f");
  EXPECT_NE(Serve(), nullptr);
}

TEST_F(TableAccessTest, RowLevelSecurityThatIsOffIsRefused) {
  ASSERT_EQ(Schema({"up"}).code, 0);
  Sql("ALTER TABLE authstate.auth_keys DISABLE ROW LEVEL SECURITY");
  EXPECT_THAT(WhyRefused(), HasSubstr("row level security is off on authstate.auth_keys"));
  EXPECT_EQ(Schema({"protect"}).code, 0);
  EXPECT_NE(Serve(), nullptr);
}

// A server whose role does not own the tables is neither locked out, nor are rows hidden from it.
TEST_F(TableAccessTest, ARoleThatServersMayUseIsNamedBeforeAnythingIsTakenFromIt) {
  MakeOldTables();
  Sql("GRANT SELECT, INSERT, UPDATE, DELETE ON auth_sessions, auth_creds, auth_keys TO app; "
      "GRANT SELECT ON auth_schema_migrations TO app");
  for (const char* command : {"up", "protect"}) {
    const CliResult refused = Schema({command});
    EXPECT_EQ(refused.code, kRefused) << command;
    EXPECT_THAT(refused.err, AllOf(HasSubstr("servers may be logged in as app"), HasSubstr("--allowed-roles=app")));
  }
  EXPECT_EQ(Query("SELECT max(version) FROM auth_schema_migrations"), "5");
  EXPECT_THAT(Schema({"up", "--allowed-roles=ap"}).err, HasSubstr("--allowed-roles: there is no role ap"));
  const CliResult up = Schema({"up", "--allowed-roles=app"});
  EXPECT_EQ(up.code, 0) << up.err;
  ExpectClosed(NativeTables("public"));
  // The database remembers who was named.
  EXPECT_EQ(Schema({"verify"}).code, 0) << Schema({"verify"}).out;
  EXPECT_THAT(Schema({"protect"}).out, HasSubstr("nothing to do"));
  const auto server = Serve({}, "app");
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Key(*server, "old", "1"), HasSubstr("stored"));
  SetKey(*server, "new");
}

TEST_F(TableAccessTest, ARoleNamedForANewDatabaseGetsWhatAServerNeeds) {
  ASSERT_EQ(Schema({"up", "--allowed-roles=app,bystander"}).code, 0);
  const auto server = Serve({}, "app");
  ASSERT_NE(server, nullptr);
  SetKey(*server, "s");
  EXPECT_THAT(Key(*server, "s", "1"), HasSubstr("stored"));
  // Who is named anew is whom the others make room for.
  EXPECT_THAT(Schema({"protect", "--allowed-roles=app"}).err, HasSubstr("servers may be logged in as bystander"));
}

TEST_F(TableAccessTest, RowsHiddenFromTheServersRoleAreNotTakenForAbsent) {
  ASSERT_EQ(Schema({"up", "--allowed-roles=app"}).code, 0);
  Sql("DROP POLICY authstate_roles ON authstate.auth_keys");
  EXPECT_THAT(WhyRefused("app"), HasSubstr("row level security may hide rows of auth_keys"));
  ASSERT_EQ(Schema({"protect", "--allowed-roles=app"}).code, 0);
  EXPECT_NE(Serve({}, "app"), nullptr);
  Sql("DROP POLICY authstate_roles ON authstate.auth_schema_migrations");
  EXPECT_THAT(WhyRefused("app"), HasSubstr("row level security may hide rows of auth_schema_migrations"));
}

TEST_F(TableAccessTest, ARoleWithoutRightsIsSaidAtTheStart) {
  ASSERT_EQ(Schema({"up", "--allowed-roles=app"}).code, 0);
  Sql("REVOKE INSERT ON authstate.auth_keys FROM app");
  EXPECT_THAT(WhyRefused("app"), AllOf(HasSubstr("may not read and write them (SQLSTATE 42501)"),
                                       HasSubstr("schema protect --allowed-roles")));
}

TEST_F(TableAccessTest, TablesInTwoSchemasAreServedOnlyOnceOneSetIsGone) {
  ASSERT_EQ(Schema({"up"}).code, 0);
  MakeOldTables();
  EXPECT_THAT(WhyRefused(), HasSubstr("in two schemas, authstate and public"));
  EXPECT_THAT(Schema({"status"}).err, HasSubstr("in two schemas, authstate and public"));
  Sql("DROP TABLE auth_keys, auth_creds, auth_sessions, auth_schema_migrations");
  EXPECT_NE(Serve(), nullptr);
}

TEST_F(TableAccessTest, TablesThatAreMovedToTheSchemaOfTheirOwnAreServedThere) {
  MakeOldTables();
  ASSERT_EQ(Schema({"up"}).code, 0);
  Sql("CREATE SCHEMA authstate");
  for (const std::string& table : NativeTables("public")) Sql("ALTER TABLE " + table + " SET SCHEMA authstate");
  const auto server = Serve();
  ASSERT_NE(server, nullptr);
  EXPECT_THAT(Key(*server, "old", "1"), HasSubstr("stored"));
  EXPECT_EQ(Schema({"verify"}).code, 0);
}

TEST_F(TableAccessTest, WhoCanReadTablesThatAreNotOursIsSaidAtEachStart) {
  const absl::Status made = test::CreateLegacyTables(url(), test::LegacyTables::kPlain);
  ASSERT_TRUE(made.ok()) << made;
  const auto server = Serve();
  ASSERT_NE(server, nullptr);
  const auto warned = server->process().WaitForLine(
      "other roles can read or change whatsapp_auth, whatsapp_keys: ", kPatience, Subprocess::Stream::kStderr);
  ASSERT_TRUE(warned.ok()) << warned.status();
  EXPECT_THAT(*warned, HasSubstr("FROM anon, authenticated, service_role, or name those"));
  // The companion is ours, and is closed.
  ExpectClosed({"authstate.legacy_sessions", "authstate.legacy_schema_migrations"});
  ExpectAllClosed();
  EXPECT_EQ(Schema({"verify"}).code, 0) << Schema({"verify"}).out;
  EXPECT_EQ(Query("SELECT has_function_privilege('anon', 'authstate.legacy_lost_race()', 'EXECUTE')"), "f");
}

TEST_F(TableAccessTest, OnlyRolesThatSeeRowsAreNamedAmongTheReaders) {
  const absl::Status made = test::CreateLegacyTables(url(), test::LegacyTables::kPlain);
  ASSERT_TRUE(made.ok()) << made;
  Sql("ALTER TABLE whatsapp_auth ENABLE ROW LEVEL SECURITY; ALTER TABLE whatsapp_keys ENABLE ROW LEVEL SECURITY; "
      "CREATE POLICY a_few ON whatsapp_keys FOR SELECT TO authenticated USING (company_id = 'x')");
  const auto server = Serve({"--allowed-roles=service_role"});
  ASSERT_NE(server, nullptr);
  const auto warned =
      server->process().WaitForLine("other roles can read or change", kPatience, Subprocess::Stream::kStderr);
  ASSERT_TRUE(warned.ok()) << warned.status();
  EXPECT_THAT(*warned, AllOf(HasSubstr("FROM authenticated, or"), Not(HasSubstr("anon"))));
}

TEST_F(TableAccessTest, TheCompanionOfAnOlderVersionIsClosed) {
  const absl::Status made = test::CreateLegacyTables(url(), test::LegacyTables::kPlain);
  ASSERT_TRUE(made.ok()) << made;
  ASSERT_EQ(Schema({"up"}).code, 0);
  ASSERT_EQ(Schema({"down", "--to", "2", "--yes"}).code, 0);
  Sql("ALTER TABLE authstate.legacy_sessions DISABLE ROW LEVEL SECURITY; "
      "GRANT USAGE ON SCHEMA authstate TO anon; GRANT ALL ON authstate.legacy_sessions TO anon");
  EXPECT_THAT(Schema({"verify"}).out, HasSubstr("authstate.legacy_sessions: exposed: anon has DELETE"));
  EXPECT_THAT(WhyRefused(), HasSubstr("authstatectl schema up"));
  ASSERT_EQ(Schema({"up"}).code, 0);
  ExpectClosed({"authstate.legacy_sessions"});
  EXPECT_EQ(Schema({"verify"}).code, 0);
}

TEST_F(TableAccessTest, TablesThatCitusHasDistributedAreRefused) {
  ASSERT_EQ(Schema({"up"}).code, 0);
  // As Citus has it.
  Sql("SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL)");
  EXPECT_NE(Serve(), nullptr);
  Sql("INSERT INTO pg_catalog.pg_dist_partition VALUES ('authstate.auth_keys')");
  EXPECT_THAT(WhyRefused(), AllOf(HasSubstr("Citus has distributed authstate.auth_keys"), HasSubstr("torn")));
}

}  // namespace
}  // namespace authstate
