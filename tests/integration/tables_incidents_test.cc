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
constexpr char kMessages[] =
    "INSERT INTO messages (id, company_id, phone, direction, body, created_at) SELECT md5('message ' || i)::uuid, "
    "962302, "
    "'7999' || i, 'in', 'текст ' || i, timestamptz '2025-10-15 00:00:00+00' + i * interval '6 hours' "
    "FROM generate_series(1, 200) i";

class TablesIncidentTest : public TablesTest {
 protected:
  static void SetUpTestSuite() { StartServers(/*newest_is_source=*/true); }

  void LoadLive() {
    Load(source(), "live.sql");
    Load(source(), "rows.sql");
    Sql(source(), kMessages);
    Load(target(), "live.sql");
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
  std::ifstream page(File("report.html"));
  const std::string html((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  EXPECT_THAT(html,
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
  Sql(source(), "DROP OWNED BY reader; DROP ROLE reader");
}

// One of eight services that still writes to the former database, and the way back with all that was written since.
TEST_F(TablesIncidentTest, TheWayBackBringsWhatWasWrittenSinceAndIsRefusedWhereItWouldLoseSomething) {
  LoadLive();
  Sync();
  const std::string report = File("report.json");
  Verify(kOk, {"--report", report});
  Sql(target(),
      "INSERT INTO clients (yclients_id, company_id, name) VALUES (7, 962302, 'since the switch'); "
      "UPDATE bookings SET status = 'cancelled' WHERE id = md5('booking 1')::uuid; "
      "DELETE FROM staff_schedules WHERE id = 2");
  Sql(source(),
      "UPDATE bookings SET status = 'confirmed' WHERE id = md5('booking 1')::uuid; "
      "UPDATE services SET title = title WHERE id = 1");
  const CliResult refused = Run({"sync", "--reverse", "--report", report, "--json"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.OutJson()["conflicts"],
              ElementsAre(absl::StrCat("bookings: id=", Ask(source(), "SELECT md5('booking 1')::uuid"))));
  EXPECT_EQ(Ask(source(), "SELECT count(*) FROM clients"), "1299");
  // Settled by hand, it goes; and again, as nothing of its own is in its way.
  Sql(source(), "UPDATE bookings SET status = 'cancelled' WHERE id = md5('booking 1')::uuid");
  for (int i = 0; i < 2; ++i) {
    const nlohmann::json back = Sync({"--reverse", "--report", report});
    EXPECT_TRUE(back["equal"]) << back;
    Sql(target(), "UPDATE clients SET visit_count = visit_count + 1 WHERE yclients_id = 7");
  }
  EXPECT_EQ(Ask(source(), "SELECT name || visit_count FROM clients WHERE yclients_id = 7"), "since the switch1");
  EXPECT_EQ(Ask(source(), "SELECT count(*) FROM staff_schedules WHERE id = 2"), "0");
  // The next row there does not get a key that is in use.
  Sql(source(), "INSERT INTO clients (yclients_id, company_id) VALUES (8, 962302)");
  EXPECT_EQ(Ask(source(), "SELECT max(id) FROM clients"), "1301");
}

TEST_F(TablesIncidentTest, AReportStopsCountingWhenASchemaChanges) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY, name text)");
  const std::string report = File("report.json");
  Verify(kOk, {"--report", report});
  EXPECT_EQ(Run({"report", report}).code, kOk);
  OnBoth("ALTER TABLE t ADD COLUMN added int");
  const CliResult stale = Run({"report", report, "--json"});
  EXPECT_EQ(stale.code, kDataLoss);
  EXPECT_THAT(stale.OutJson()["reasons"], SizeIs(2));
  EXPECT_EQ(Run({"report", File("none.json")}).code, kNotFound);
}

TEST_F(TablesIncidentTest, DatabasesTheWrongWayRoundEmptyNothing) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY)");
  Sql(target(), "INSERT INTO t SELECT generate_series(1, 10)");
  const CliResult refused = Run({"sync"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("the right way round"));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM t"), "10");
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
  const nlohmann::json dry = Sync({"--dry-run"});
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
