// authstatectl tables: what went wrong in the live system's move, and each kind of difference that a count of rows
// hides.
#include "tests/integration/tables_test.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kTables[] =
    "appointments_cache bookings clients companies dialog_contexts messages services staff staff_schedules";
class TablesIncidentTest : public TablesTest {
 protected:
  static void SetUpTestSuite() { StartServers(/*newest_is_source=*/true); }

  std::string ReadFile(const std::string& name) const {
    std::ifstream file(File(name));
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
};

TEST_F(TablesIncidentTest, EveryRowOfTheLiveSystemArrivesAsItWas) {
  Load(source(), "live.sql");
  Load(source(), "rows.sql");
  Sql(source(), kMessages);
  const CliResult printed = Run({"plan", "--create", "--print"});
  EXPECT_EQ(printed.code, kOk) << printed.err;
  EXPECT_THAT(printed.out, AllOf(HasSubstr("CREATE TABLE \"public\".\"clients\" (\n  \"id\" integer DEFAULT "),
                                 HasSubstr("UNIQUE (yclients_id, company_id)"), HasSubstr("clients_phone_idx")));
  const nlohmann::json synced = Sync({"--create"});
  EXPECT_TRUE(synced["equal"]);
  // Past the thousand rows at which the interface of before stopped in silence.
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM clients"), "1299");
  const std::string tables = kTables;
  for (const char* const table :
       {"companies", "clients", "services", "staff", "staff_schedules", "bookings", "dialog_contexts", "messages"}) {
    EXPECT_THAT(tables, HasSubstr(table));
    EXPECT_EQ(Contents(source(), table, "id"), Contents(target(), table, "id")) << table;
  }
  const nlohmann::json verified = Verify(kOk, {"--report", File("report.json"), "--html", File("report.html")});
  EXPECT_TRUE(verified["equal"]);
  EXPECT_THAT(verified["schema_differences"], IsEmpty());
  // One that has no rows is equal; that is no failure.
  EXPECT_EQ(TableOf(verified, "appointments_cache")["state"], "equal");
  EXPECT_THAT(ReadFile("report.html"),
              AllOf(StartsWith("<!doctype html>"), HasSubstr("Equal"), HasSubstr("clients"), Not(HasSubstr("src="))));
  // What was made serves the application: keys go on, upserts find their columns.
  Sql(target(),
      "INSERT INTO clients (yclients_id, company_id) VALUES (1, 962302) ON CONFLICT (yclients_id, company_id) DO "
      "NOTHING");
  EXPECT_EQ(Ask(target(), "SELECT max(id) FROM clients"), "1300");
}

TEST_F(TablesIncidentTest, WhatCountsOfRowsHideIsNamed) {
  LoadLive();
  Sync();
  ASSERT_TRUE(Verify()["equal"]);
  // As many rows as before, one with a flipped byte, one of another key; NULL is not empty; a sequence behind.
  Sql(target(),
      "UPDATE clients SET preferences = '{\"time\": \"Утро\"}' WHERE id = 17; UPDATE clients SET id = 5000 WHERE id = "
      "3; "
      "UPDATE clients SET surname = NULL WHERE id = 4; DELETE FROM messages; "
      "INSERT INTO appointments_cache (company_id, yclients_record_id, appointment_at) VALUES (1, 1, now()); "
      "SELECT setval('clients_id_seq', 12)");
  const nlohmann::json verified = Verify(kDataLoss);
  const nlohmann::json& clients = TableOf(verified, "clients");
  EXPECT_EQ(clients["from_rows"], clients["to_rows"]);
  EXPECT_EQ(clients["different"], 2);
  EXPECT_THAT(clients["rows"],
              ::testing::UnorderedElementsAre(
                  nlohmann::json({{"kind", "different"}, {"key", "id=17"}, {"columns", {"preferences"}}}),
                  nlohmann::json({{"kind", "different"}, {"key", "id=4"}, {"columns", {"surname"}}}),
                  nlohmann::json({{"kind", "missing"}, {"key", "id=3"}, {"columns", nlohmann::json::array()}}),
                  nlohmann::json({{"kind", "extra"}, {"key", "id=5000"}, {"columns", nlohmann::json::array()}})));
  EXPECT_EQ(TableOf(verified, "messages")["missing"], 200);
  EXPECT_EQ(TableOf(verified, "appointments_cache")["extra"], 1);
  EXPECT_EQ(TableOf(verified, "services")["state"], "equal");
  // The one of appointments_cache is past its row, which it has given the id.
  ASSERT_EQ(verified["sequences"].size(), 1);
  EXPECT_EQ(verified["sequences"][0]["sequence"], "clients_id_seq");
  EXPECT_EQ(verified["sequences"][0]["wanted"], 5000);
  // Running it again mends all of it.
  EXPECT_TRUE(Sync({"--allow-emptying"})["equal"]);
  EXPECT_TRUE(Verify()["equal"]);
}

TEST_F(TablesIncidentTest, AConstraintThatWasDroppedAndAnotherTypeAreNamedThoughRowsAreEqual) {
  LoadLive();
  Sync();
  ASSERT_TRUE(Verify()["equal"]);
  Sql(target(),
      "ALTER TABLE staff DROP CONSTRAINT staff_yclients_id_company_id_key; ALTER TABLE services ALTER duration TYPE "
      "bigint; DELETE FROM clients WHERE id = 17");
  const nlohmann::json verified = Verify(kDataLoss, {"--html", File("report.html")});
  EXPECT_THAT(Ids(verified["schema_differences"]),
              ElementsAre("services.type.duration", "staff.unique-missing.yclients_id,company_id"));
  EXPECT_EQ(TableOf(verified, "services")["state"], "equal");
  EXPECT_EQ(TableOf(verified, "staff")["state"], "equal");
  EXPECT_THAT(ReadFile("report.html"),
              AllOf(HasSubstr("<h1 class=\"different\">Not equal</h1>"), HasSubstr("every row compared"),
                    HasSubstr("<td>missing</td><td><code>id=17</code></td>"),
                    HasSubstr("column duration is integer in the source and bigint in the target"),
                    HasSubstr("<code>ALTER TABLE &quot;staff&quot; ADD UNIQUE (")));
}

TEST_F(TablesIncidentTest, WhatCannotBeComparedIsUnknownAndNoSuccess) {
  LoadLive();
  Sync();
  Sql(source(),
      "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; "
      "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader; ALTER TABLE clients ENABLE ROW LEVEL SECURITY; "
      "REVOKE SELECT ON staff FROM reader");
  const std::string reader = absl::StrCat("--supabase-user=reader");
  const CliResult refused = Run({"sync", "--json", reader});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(Ids(refused.OutJson()["blocking"]),
              ElementsAre("clients.row-security.source", "staff.right-select.source"));
  const nlohmann::json verified = Verify(kDataLoss, {reader});
  EXPECT_EQ(TableOf(verified, "clients")["state"], "unknown");
  EXPECT_THAT(TableOf(verified, "clients")["error"].get<std::string>(), HasSubstr("row-level security"));
  EXPECT_EQ(TableOf(verified, "staff")["state"], "unknown");
  EXPECT_EQ(TableOf(verified, "services")["state"], "equal");
  // Nothing is known to differ, and that is not claimed.
  const CliResult unknown =
      Run({"verify", reader, "--tables", "clients,staff,services", "--html", File("report.html")});
  EXPECT_EQ(unknown.code, kDataLoss);
  EXPECT_THAT(unknown.out, HasSubstr("\nunknown, verified at "));
  EXPECT_THAT(unknown.err, HasSubstr("could not be compared: clients, staff, sequences\n"));
  EXPECT_THAT(ReadFile("report.html"), AllOf(HasSubstr("<h1 class=\"unknown\">Unknown</h1>"),
                                             HasSubstr("could not be compared: clients, staff, sequences,"),
                                             Not(HasSubstr("every row compared"))));
  Sql(source(), "DROP OWNED BY reader; DROP ROLE reader");
}

TEST_F(TablesIncidentTest, AReportStopsCountingWhenASchemaChanges) {
  const std::string report = File("report.json");
  const auto reasons = [&] { return Json({"report", report}, kDataLoss)["reasons"].get<std::vector<std::string>>(); };
  OnBoth(
      "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
      "RETURN "
      "NEW; END'; CREATE TABLE t (id serial PRIMARY KEY, name text, felt mood); "
      "CREATE UNIQUE INDEX t_name ON t (name) WHERE id > 0");
  for (const char* const change :
       {"ALTER TABLE t ADD COLUMN added int", "ALTER TYPE mood ADD VALUE 'fine'",
        "ALTER SEQUENCE t_id_seq INCREMENT BY 2", "ALTER TABLE t ALTER name TYPE text COLLATE \"C\"",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t",
        "DROP INDEX t_name; CREATE UNIQUE INDEX t_name ON t (name) WHERE id > 1",
        "CREATE TRIGGER stamp BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION stamp()"}) {
    Verify(kOk, {"--report", report});
    EXPECT_EQ(Run({"report", report}).code, kOk);
    OnBoth(change);
    EXPECT_THAT(reasons(),
                ElementsAre("the schema of the source has changed since", "the schema of the target has changed since"))
        << change;
  }
  Verify(kOk, {"--report", report});
  OnBoth("CREATE TABLE added (id int PRIMARY KEY)");
  EXPECT_THAT(reasons(), ElementsAre("it lacks the table added"));
  // Not of all, and so it lacks nothing.
  Verify(kOk, {"--report", report, "--tables", "t"});
  EXPECT_EQ(Run({"report", report}).code, kOk);
  EXPECT_EQ(Run({"report", File("none.json")}).code, kNotFound);
}

TEST_F(TablesIncidentTest, AReportStopsCountingAfterADay) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY)");
  const absl::Time began = absl::Now();
  nlohmann::json report = Verify(kOk, {"--report", File("report.json")});
  const auto write = [&](absl::Time verified_at) {
    report["verified_at"] = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", verified_at, absl::UTCTimeZone());
    std::ofstream(File("report.json")) << report;
  };
  write(began - absl::Hours(23));
  EXPECT_EQ(Run({"report", File("report.json")}).code, kOk);
  write(began - absl::Hours(25));
  const CliResult stale = Run({"report", File("report.json"), "--json"});
  EXPECT_EQ(stale.code, kDataLoss);
  EXPECT_THAT(stale.OutJson()["reasons"], ElementsAre(HasSubstr("old, and counts for 24h")));
}

TEST_F(TablesIncidentTest, DatabasesTheWrongWayRoundEmptyNothing) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY)");
  Sql(target(), "INSERT INTO t SELECT generate_series(1, 10)");
  const CliResult refused = Run({"sync"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("the right way round"));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM t"), "10");
}

// So that a script needs no more than the exit code.
TEST_F(TablesIncidentTest, NotEqualYetIsNoSuccess) {
  OnBoth("CREATE TABLE t (id serial PRIMARY KEY)");
  Sql(source(), "INSERT INTO t DEFAULT VALUES; CREATE TABLE made (id int PRIMARY KEY)");
  EXPECT_FALSE(Sync({"--dry-run", "--create"}, kDataLoss)["equal"]);
  const CliResult one_round = Run({"sync", "--create", "--rounds", "1"});
  EXPECT_EQ(one_round.code, kDataLoss);
  EXPECT_THAT(one_round.err, HasSubstr("run it again"));
  EXPECT_TRUE(Sync({"--dry-run"})["equal"]);
  // Of tables that are not there yet nothing is known.
  Sql(source(), "CREATE TABLE late (id int PRIMARY KEY)");
  EXPECT_FALSE(Sync({"--dry-run", "--create"}, kDataLoss)["equal"]);
  Sync({"--create"});
  // The rows are equal, but the next one of the application would not be.
  Sql(source(), "SELECT nextval('t_id_seq')");
  EXPECT_FALSE(Sync({"--dry-run"}, kDataLoss)["equal"]);
  EXPECT_TRUE(Sync()["equal"]);
  EXPECT_TRUE(Sync({"--dry-run"})["equal"]);
}

TEST_F(TablesIncidentTest, ADryRunWritesNothingOnEitherSide) {
  LoadLive();
  Sync();
  Sql(target(), "UPDATE clients SET name = 'other' WHERE id < 50; DELETE FROM bookings");
  const auto written = [](const std::string& url) {
    // What a process has done is counted once it has ended.
    EXPECT_TRUE(test::TestPostgres::AwaitAnswer(url,
                                                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client "
                                                "backend' AND pid <> pg_backend_pid()",
                                                "0")
                    .ok());
    return Ask(url,
               "SELECT pg_stat_clear_snapshot(); SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) || ' ' || "
               "pg_snapshot_xmax(pg_current_snapshot()) FROM pg_stat_all_tables");
  };
  const std::string before[] = {written(source()), written(target())};
  const nlohmann::json dry = Sync({"--dry-run"}, kDataLoss);
  EXPECT_FALSE(dry["equal"]);
  EXPECT_EQ(TableOf(dry, "clients")["different"], 49);
  EXPECT_EQ(TableOf(dry, "bookings")["missing"], 38);
  EXPECT_EQ(TableOf(dry, "bookings")["copied"], 0);
  Json({"plan", "--create"});
  Verify(kDataLoss);
  EXPECT_EQ(written(source()), before[0]);
  EXPECT_EQ(written(target()), before[1]);
}

}  // namespace
}  // namespace authstate
