// authstatectl tables sync --reverse: what was written since comes back, and what others did to the former database is
// not undone without a word.
#include "tests/integration/tables_test.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class TablesWayBackTest : public TablesTest {
 protected:
  static void SetUpTestSuite() { StartServers(/*newest_is_source=*/true); }

  // Both equal, and found to be.
  void Move(std::vector<std::string> more = {}) {
    Sync(std::move(more));
    Verify(kOk, {"--report", report()});
  }
  std::string report() const { return File("report.json"); }
  nlohmann::json Back(std::vector<std::string> more = {}, int code = kOk) const {
    more.insert(more.begin(), {"--reverse", "--report", report()});
    return Sync(std::move(more), code);
  }
};

// One of eight services that still writes to the former database, and the way back with all that was written since.
TEST_F(TablesWayBackTest, TheWayBackBringsWhatWasWrittenSinceAndIsRefusedWhereItWouldLoseSomething) {
  LoadLive();
  Move();
  Sql(target(),
      "INSERT INTO clients (yclients_id, company_id, name) VALUES (7, 962302, 'since the switch'); "
      "UPDATE bookings SET status = 'cancelled' WHERE id = md5('booking 1')::uuid; "
      "DELETE FROM staff_schedules WHERE id = 2");
  Sql(source(),
      "UPDATE bookings SET status = 'confirmed' WHERE id = md5('booking 1')::uuid; "
      "UPDATE services SET title = title WHERE id = 1");
  EXPECT_THAT(Back({}, kRefused)["conflicts"],
              ElementsAre(absl::StrCat("bookings: id=", Ask(source(), "SELECT md5('booking 1')::uuid"))));
  EXPECT_EQ(Ask(source(), "SELECT count(*) FROM clients"), "1299");
  // Settled by hand, it goes; and again, as nothing of its own is in its way.
  Sql(source(), "UPDATE bookings SET status = 'cancelled' WHERE id = md5('booking 1')::uuid");
  for (int i = 0; i < 2; ++i) {
    const nlohmann::json back = Back();
    EXPECT_TRUE(back["equal"]) << back;
    Sql(target(), "UPDATE clients SET visit_count = visit_count + 1 WHERE yclients_id = 7");
  }
  EXPECT_EQ(Ask(source(), "SELECT name || visit_count FROM clients WHERE yclients_id = 7"), "since the switch1");
  EXPECT_EQ(Ask(source(), "SELECT count(*) FROM staff_schedules WHERE id = 2"), "0");
  // The next row there does not get a key that is in use.
  Sql(source(), "INSERT INTO clients (yclients_id, company_id) VALUES (8, 962302)");
  EXPECT_EQ(Ask(source(), "SELECT max(id) FROM clients"), "1301");
}

// Refused by the plan, and by --allow-emptying: nothing was written, and what others write is told the next time.
TEST_F(TablesWayBackTest, OneThatWasRefusedHasNotBegun) {
  LoadLive();
  Move();
  Sql(target(), "UPDATE clients SET name = 'since' WHERE id = 1; DELETE FROM messages");
  Sql(source(), "ALTER TABLE companies ALTER phone SET NOT NULL");
  EXPECT_THAT(Ids(Back({}, kRefused)["blocking"]), ElementsAre("companies.nullability.phone"));
  Sql(source(), "ALTER TABLE companies ALTER phone DROP NOT NULL");
  const CliResult emptying = Run({"sync", "--reverse", "--report", report()});
  EXPECT_EQ(emptying.code, kRefused);
  EXPECT_THAT(emptying.err, HasSubstr("messages is empty in timeweb"));
  EXPECT_NE(Ask(source(), "SELECT name FROM clients WHERE id = 1"), "since");

  Sql(source(), "UPDATE clients SET name = 'theirs' WHERE id = 1");
  EXPECT_THAT(Back({"--allow-emptying"}, kRefused)["conflicts"], ElementsAre("clients: id=1"));
  EXPECT_EQ(Ask(source(), "SELECT name FROM clients WHERE id = 1"), "theirs");
}

TEST_F(TablesWayBackTest, WhatWasDeletedInTheFormerDatabaseIsNotPutBackWithoutAWord) {
  LoadLive();
  Move();
  Sql(target(),
      "UPDATE clients SET name = 'since' WHERE id IN (2, 3); DELETE FROM clients WHERE id = 4; "
      "INSERT INTO clients (yclients_id, company_id) VALUES (7, 962302); TRUNCATE dialog_contexts");
  Sql(source(), "DELETE FROM clients WHERE id IN (1, 2, 4); TRUNCATE staff_schedules, dialog_contexts");
  const nlohmann::json conflicts = Back({}, kRefused)["conflicts"];
  // Of client 4 both are rid; it is one of the two that cannot be told from new ones.
  EXPECT_THAT(conflicts, SizeIs(58)) << conflicts;
  EXPECT_THAT(conflicts, AllOf(Contains("clients: id=1 (deleted)"),
                               Contains("clients: 2 more (deleted), which were changed or deleted here since: see "
                                        "--accept clients.deleted"),
                               Contains("staff_schedules: id=56 (deleted)")));
  EXPECT_EQ(Ask(source(), "SELECT count(*) FROM staff_schedules"), "0");
  // Settled by hand, or known.
  Sql(target(), "DELETE FROM clients WHERE id = 1; TRUNCATE staff_schedules");
  EXPECT_TRUE(Back({"--accept", "clients.deleted"})["equal"]);
  EXPECT_EQ(Ask(source(),
                "SELECT string_agg(id || ' ' || coalesce(name, ''), ',' ORDER BY id) FROM clients WHERE id < 4 OR "
                "yclients_id = 7"),
            "2 since,3 since,1300 ");
}

TEST_F(TablesWayBackTest, WhatIsUndoneIsListedUpToAHundred) {
  LoadLive();
  Move();
  Sql(source(), "DELETE FROM clients");
  const CliResult refused = Run({"sync", "--reverse", "--report", report(), "--json"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.OutJson()["conflicts"], AllOf(SizeIs(100), Each(EndsWith(" (deleted)"))));
  EXPECT_THAT(refused.err, HasSubstr("the first 100"));
}

// To tables without foreign keys, CHECKs and partitions, of another primary key, as the live system has them.
TEST_F(TablesWayBackTest, TheFirstFormGetsBackWhatWasWrittenToTheSecond) {
  Load(source(), "live.sql");
  Load(source(), "rows.sql");
  Sql(source(), kMessages);
  Load(target(), "second_form.sql");
  // Tables that only the second form has, whose rows would be deleted along: they have none yet.
  const std::vector<std::string> accept = {"--accept", "bookings.referenced-from-outside.reminders", "--accept",
                                           "companies.referenced-from-outside.sync_status"};
  std::vector<std::string> words = {"plan"};
  words.insert(words.end(), accept.begin(), accept.end());
  const nlohmann::json plan = Json(words);
  EXPECT_TRUE(plan["clean"]);
  EXPECT_THAT(Ids(plan["findings"]), Contains("messages.way-back.key"));
  Move(accept);
  Sql(target(),
      "INSERT INTO clients (yclients_id, company_id, name) VALUES (7, 962302, 'since the switch'); "
      "INSERT INTO messages (company_id, phone, direction, created_at) SELECT 962302, 'since', 'out', timestamptz "
      "'2025-11-30 00:00:00+00' + i * interval '1 day' FROM generate_series(1, 60) i; "
      "UPDATE messages SET created_at = created_at + interval '1 month' WHERE phone = '79991'; "
      "DELETE FROM messages WHERE phone = '79992'; "
      "INSERT INTO reminders (booking_id, kind, due_at) SELECT id, 'day_before', now() FROM bookings");
  // The same key twice has no place in the first form.
  Sql(target(),
      "INSERT INTO messages SELECT id, company_id, phone, direction, body, metadata, created_at + interval '1 day' "
      "FROM messages WHERE phone = '79993'");
  EXPECT_THAT(Ids(Back({}, kRefused)["blocking"]), ElementsAre("messages.key"));
  Sql(target(), "DELETE FROM messages WHERE phone = '79993' AND created_at > '2025-10-16 00:00:00+00'");
  const nlohmann::json back = Back();
  EXPECT_TRUE(back["equal"]) << back;
  EXPECT_TRUE(Verify()["equal"]);
  for (const char* const table : {"clients", "bookings", "messages"}) {
    EXPECT_EQ(Contents(source(), table, "id"), Contents(target(), table, "id")) << table;
  }
  EXPECT_EQ(Ask(source(), "SELECT count(*) FROM messages"), "259");
}

TEST_F(TablesWayBackTest, WhatItWouldBeRefusedForIsSaidBeforeTheMove) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY, a int)");
  Sql(source(),
      "ALTER TABLE t ALTER a SET NOT NULL; CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN "
      "NEW; "
      "END'; CREATE TRIGGER stamp BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION stamp()");
  Sql(target(), "ALTER TABLE t ADD COLUMN b int, ADD CHECK (a > 0)");
  const nlohmann::json plan = Json({"plan"});
  EXPECT_TRUE(plan["clean"]);
  EXPECT_THAT(Ids(plan["findings"]),
              AllOf(Contains("t.way-back.column-missing.b"), Contains("t.way-back.nullability.a"),
                    Contains("t.way-back.trigger.stamp"), Not(Contains(HasSubstr("t.way-back.check")))));
  Move();
  EXPECT_THAT(Ids(Back({}, kRefused)["blocking"]),
              UnorderedElementsAre("t.column-missing.b", "t.nullability.a", "t.trigger.stamp"));
}

}  // namespace
}  // namespace authstate
