// authstatectl tables sync: kinds of keys, constraints and rows, and random traffic.
#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/integration/tables_test.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class TablesSyncTest : public TablesTest {
 protected:
  void ExpectSame(const std::string& table, const std::string& key) {
    EXPECT_EQ(Contents(source(), table, key), Contents(target(), table, key)) << table;
  }
  // A transaction that has written to the source, and commits once the round is over.
  std::unique_ptr<test::Subprocess> CommitAfterRound(int round) const {
    auto process = test::Subprocess::Start(
        {{"psql", source(), "-qAt", "-v", "ON_ERROR_STOP=1", "-c", "BEGIN", "-c",
          "INSERT INTO child (tags) SELECT ARRAY[i] FROM generate_series(1, 100) i; "
          "INSERT INTO parent (name) VALUES ('late'); INSERT INTO journal (body) SELECT 'late' FROM generate_series(1, "
          "100)",
          "-c", "\\echo written", "-c",
          absl::StrCat("DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM aside.ended_rounds WHERE round = ", round,
                       ") LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"),
          "-c", "COMMIT"},
         {}});
    EXPECT_TRUE(process.ok()) << process.status();
    const auto written = (*process)->WaitForLine("written", absl::Minutes(1));
    EXPECT_TRUE(written.ok()) << written.status();
    return *std::move(process);
  }
};

TEST_F(TablesSyncTest, TheSecondFormIsMadeAndFilledInTheOrderOfItsForeignKeys) {
  Load(source(), "second_form.sql");
  Load(source(), "rows.sql");
  Sql(source(),
      "INSERT INTO messages (id, company_id, phone, direction, created_at) SELECT md5(i::text)::uuid, 962302, i::text, "
      "'in', timestamptz '2025-10-15 00:00:00+00' + i * interval '6 hours' FROM generate_series(1, 400) i; "
      "INSERT INTO reminders (booking_id, kind, due_at) SELECT id, 'day_before', now() FROM bookings; "
      "INSERT INTO sync_status (company_id, table_name) SELECT 962302, 'table ' || i FROM generate_series(1, 300) i");
  EXPECT_TRUE(Sync({"--create"})["equal"]);
  EXPECT_TRUE(Verify()["equal"]);
  ExpectSame("messages", "id");
  ExpectSame("sync_status", "table_name");
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM messages_2025_11"),
            Ask(source(), "SELECT count(*) FROM messages_2025_11"));
  // Parents go after children, and come before them.
  Sql(source(), "DELETE FROM reminders; DELETE FROM bookings; DELETE FROM clients WHERE id > 100");
  Sql(source(),
      "INSERT INTO clients (id, yclients_id, company_id) VALUES (9000, 1, 962302); "
      "INSERT INTO bookings (company_id, yclients_record_id, client_id, starts_at) VALUES (962302, 1, 9000, now())");
  EXPECT_TRUE(Sync({"--allow-emptying"})["equal"]);
  EXPECT_TRUE(Verify()["equal"]);
}

// From the tables as they run to those with foreign keys and partitions: another key, and rows that do not fit.
TEST_F(TablesSyncTest, TheFirstFormFillsTheSecondAndRowsThatDoNotFitAreNamedWithoutTheirValues) {
  Load(source(), "live.sql");
  Load(source(), "rows.sql");
  Load(target(), "second_form.sql");
  Sql(source(),
      "INSERT INTO messages (id, company_id, phone, direction, created_at) SELECT md5(i::text)::uuid, 962302, i::text, "
      "CASE i WHEN 7 THEN 'secret' ELSE 'in' END, timestamptz '2025-10-15 00:00:00+00' + i * interval '6 hours' "
      "FROM generate_series(1, 400) i");
  // Tables that only the target has, whose rows would be deleted along: they have none.
  const std::vector<std::string> accept = {"--accept", "bookings.referenced-from-outside.reminders", "--accept",
                                           "companies.referenced-from-outside.sync_status"};
  std::vector<std::string> words = {"sync", "--json"};
  words.insert(words.end(), accept.begin(), accept.end());
  const CliResult result = Run(words);
  EXPECT_EQ(result.code, kDataLoss) << result.err;
  const nlohmann::json synced = result.OutJson();
  ASSERT_THAT(synced["refused"], SizeIs(1)) << synced;
  EXPECT_EQ(synced["refused"][0]["table"], "messages");
  EXPECT_EQ(synced["refused"][0]["constraint"], "messages_direction_check");
  EXPECT_THAT(synced["refused"][0]["key"].get<std::string>(), HasSubstr("created_at=2025-10-16"));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("secret")));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM messages"), "399");
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM clients"), "1299");
  words.insert(words.end(), {"--max-errors", "0"});
  EXPECT_EQ(Run(words).code, kDataLoss);
}

// What tools/dev has named has to be what the servers are.
TEST_F(TablesSyncTest, ANewerServerIsMovedToAndBack) {
  if (std::getenv("AUTHSTATE_TEST_NEWER_POSTGRES_BIN") == nullptr) {
    GTEST_SKIP() << "AUTHSTATE_TEST_NEWER_POSTGRES_BIN names no folder";
  }
  Load(source(), "second_form.sql");
  Load(source(), "rows.sql");
  EXPECT_TRUE(Sync({"--create"})["equal"]);
  const nlohmann::json verified = Verify(kOk, {"--report", File("report.json")});
  EXPECT_GT(verified["to"]["version"], verified["from"]["version"]);
  ExpectSame("clients", "id");
  Sql(target(), "UPDATE clients SET discount = 5 WHERE id = 9; DELETE FROM dialog_contexts");
  EXPECT_TRUE(Sync({"--reverse", "--report", File("report.json"), "--allow-emptying"})["equal"]);
  ExpectSame("clients", "id");
}

TEST_F(TablesSyncTest, EveryTypeArrivesAsItWas) {
  const std::string table =
      "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); "
      "CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
      "f4 real, f8 double precision, n numeric, m money, c char(5), v varchar(5), b bytea, j json, jb jsonb, "
      "a int[], ta text[][], ts timestamp, tz timestamptz, d date, ti time, tt timetz, iv interval, u uuid, "
      "e mood, p positive, r int4range, mr nummultirange, ip inet, ci cidr, mac macaddr, bits bit(3), vb varbit, "
      "x xml, pt point, bx box, q tsvector, pr pair, o oid, bo boolean, n2 int GENERATED ALWAYS AS (p * 2) STORED)";
  Sql(source(), table);
  Sql(source(),
      "INSERT INTO t (f4, f8, n, m, c, v, b, j, jb, a, ta, ts, tz, d, ti, tt, iv, u, e, p, r, mr, ip, ci, mac, bits, "
      "vb, x, "
      "pt, bx, q, pr, o, bo) VALUES (0.1, 1e-310, 1.2300, 12.34, 'ab', 'a''\\b', '\\x00ff', '{\"b\": 1,  \"a\": 1}', "
      "'{\"b\": 1.50}', '{1,NULL}', '{{a,\"b,c\"},{\"\",\"NULL\"}}', '2025-03-30 02:30:00.123456', "
      "'2025-03-30 02:30:00.123456+05:30', '0044-03-15 BC', '24:00:00', '10:00:00.5-03:30', "
      "'-1 year -2 mons +3 days -04:05:06.7', '00000000-0000-0000-0000-000000000001', 'ok', 3, '[1,5)', "
      "'{[1.5,2),[3,)}', "
      "'10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', B'101', B'1', '<a>b</a>', '(1.1,2)', '(3,4),(1,2)', "
      "'a:1 ''b c'':2', '(1,\"x,\"\"y\")', 4294967295, true), "
      "('NaN', '-Infinity', 'NaN', NULL, '', '', '', 'null', 'null', '{}', '{}', 'infinity', '-infinity', 'infinity', "
      "NULL, NULL, '0', NULL, NULL, NULL, 'empty', '{}', '::1', NULL, NULL, NULL, '', NULL, NULL, NULL, '', "
      "NULL, 0, false)");
  EXPECT_TRUE(Sync({"--create"})["equal"]);
  ExpectSame("t", "id");
  EXPECT_TRUE(Verify()["equal"]);
  // Row by row too, past another setting of each side's own.
  const std::string name = target().substr(target().rfind('/') + 1);
  Sql(target(),
      absl::StrCat("ALTER DATABASE ", name, " SET extra_float_digits = -5; ALTER DATABASE ", name,
                   " SET DateStyle = 'German, DMY'; ALTER DATABASE ", name, " SET TimeZone = 'Asia/Tokyo'; ",
                   "ALTER DATABASE ", name, " SET bytea_output = escape; ALTER DATABASE ", name,
                   " SET IntervalStyle = iso_8601; UPDATE t SET f4 = 9, n = 9, b = '', ta = '{}', ts = now(), "
                   "iv = '1 s', jb = '1', c = 'zz'"));
  const nlohmann::json again = Sync();
  EXPECT_TRUE(again["equal"]);
  EXPECT_EQ(TableOf(again, "t")["copied"], 2);
  EXPECT_TRUE(Verify()["equal"]);
  // The key goes on.
  Sql(target(), "INSERT INTO t (p) VALUES (1)");
  EXPECT_EQ(Ask(target(), "SELECT max(id) FROM t"), "3");
}

TEST_F(TablesSyncTest, KeysOfTextAndOfSeveralColumnsAreComparedWhateverTheirOrder) {
  OnBoth(
      "CREATE TABLE words (word text PRIMARY KEY, n int); "
      "CREATE TABLE pairs (a int, b varchar(20), PRIMARY KEY (a, b)); "
      "CREATE TABLE plain (a text COLLATE \"C\", b uuid, PRIMARY KEY (b, a))");
  Sql(source(),
      "INSERT INTO words SELECT (ARRAY['Я', 'a', 'A', 'é', '-', ' '])[i % 6 + 1] || i, i FROM generate_series(1, 9000) "
      "i; "
      "INSERT INTO pairs SELECT i % 7, 'b''' || i FROM generate_series(1, 500) i; "
      "INSERT INTO plain SELECT 'Z\\' || i, md5(i::text)::uuid FROM generate_series(1, 3000) i");
  EXPECT_TRUE(Sync()["equal"]);
  ExpectSame("words", "n");
  ExpectSame("plain", "b");
  Sql(target(),
      "UPDATE words SET n = 0 WHERE word = 'Я6'; DELETE FROM words WHERE n = 13; INSERT INTO words VALUES ('zz', 1); "
      "DELETE FROM pairs WHERE a = 3; UPDATE plain SET a = 'other' WHERE a = E'Z\\\\5'");
  const nlohmann::json again = Sync();
  EXPECT_TRUE(again["equal"]);
  EXPECT_EQ(TableOf(again, "words")["copied"], 2);
  EXPECT_EQ(TableOf(again, "words")["deleted"], 1);
  EXPECT_TRUE(Verify()["equal"]);
}

TEST_F(TablesSyncTest, RowsThatExchangeWhatIsUniqueAreWritten) {
  OnBoth(
      "CREATE TABLE t (id int PRIMARY KEY, code int NOT NULL UNIQUE, name text UNIQUE); "
      "CREATE TABLE child (id int PRIMARY KEY, parent int NOT NULL REFERENCES t ON DELETE CASCADE); "
      "CREATE TABLE alone (id int PRIMARY KEY, at date NOT NULL UNIQUE)");
  Sql(source(),
      "INSERT INTO t SELECT i, i, 'n' || i FROM generate_series(1, 500) i; INSERT INTO child SELECT i, i FROM "
      "generate_series(1, 500) i; "
      "INSERT INTO alone VALUES (1, '2025-01-01'), (2, '2025-01-02')");
  EXPECT_TRUE(Sync()["equal"]);
  // The first and the last, a circle of three, a row of another key that takes over.
  Sql(source(),
      "UPDATE t SET code = -id, name = NULL; UPDATE t SET code = CASE id WHEN 1 THEN 500 WHEN 500 THEN 1 WHEN 10 THEN "
      "20 "
      "WHEN 20 THEN 30 WHEN 30 THEN 10 ELSE id END; UPDATE t SET name = 'n' || code; "
      "DELETE FROM alone; INSERT INTO alone VALUES (1, '2025-01-02'), (3, '2025-01-01')");
  const nlohmann::json synced = Sync();
  EXPECT_TRUE(synced["equal"]) << synced;
  ExpectSame("t", "id");
  ExpectSame("alone", "id");
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM child"), "500");
}

TEST_F(TablesSyncTest, CirclesOfForeignKeysAreOpenedByDeferrableOnesOrRefusedByName) {
  OnBoth(
      "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); "
      "CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree)");
  OnBoth("ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b");
  Sql(source(),
      "ALTER TABLE a ALTER CONSTRAINT a_b DEFERRABLE; BEGIN; SET CONSTRAINTS ALL DEFERRED; "
      "INSERT INTO a SELECT i, i FROM generate_series(1, 300) i; INSERT INTO b SELECT i, i FROM generate_series(1, "
      "300) i; COMMIT; "
      "INSERT INTO tree SELECT i, nullif(i + 1, 301) FROM generate_series(300, 1, -1) i");
  const CliResult refused = Run({"sync", "--json", "--accept", "a.foreign-key-differs.a_b"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.out, HasSubstr("the foreign keys of a, b lead in a circle"));
  Sql(target(), "ALTER TABLE a ALTER CONSTRAINT a_b DEFERRABLE");
  EXPECT_TRUE(Sync()["equal"]);
  ExpectSame("a", "id");
  ExpectSame("tree", "id");
  Sql(source(),
      "BEGIN; SET CONSTRAINTS ALL DEFERRED; DELETE FROM b WHERE id < 100; DELETE FROM a WHERE id < 100; COMMIT; "
      "UPDATE tree SET parent = NULL WHERE id = 100; DELETE FROM tree WHERE id > 100");
  EXPECT_TRUE(Sync()["equal"]);
  ExpectSame("b", "id");
  ExpectSame("tree", "id");
}

TEST_F(TablesSyncTest, ARowThatATypeRefusesIsNamedByKeyAndColumnAndTheRestGoesOn) {
  Sql(source(),
      "CREATE TABLE t (id int PRIMARY KEY, tags text, code text); "
      "INSERT INTO t SELECT i, '{1,2}', 'c' FROM generate_series(1, 300) i; "
      "UPDATE t SET tags = '[1,2]' WHERE id = 5; UPDATE t SET code = 'secret text' WHERE id IN (6, 250)");
  Sql(target(), "CREATE TABLE t (id int PRIMARY KEY, tags int[], code varchar(3))");
  const CliResult result = Run({"sync", "--json", "--accept", "t.type.tags", "--accept", "t.type.code"});
  EXPECT_EQ(result.code, kDataLoss);
  const nlohmann::json refused = result.OutJson()["refused"];
  ASSERT_THAT(refused, SizeIs(3)) << result.out;
  EXPECT_THAT(refused,
              Contains(nlohmann::json(
                  {{"table", "t"}, {"key", "id=5"}, {"column", "tags"}, {"constraint", ""}, {"sqlstate", "22P02"}})));
  EXPECT_THAT(refused,
              Contains(nlohmann::json(
                  {{"table", "t"}, {"key", "id=250"}, {"column", "code"}, {"constraint", ""}, {"sqlstate", "22001"}})));
  EXPECT_THAT(result.out + result.err, Not(AllOf(HasSubstr("secret"))));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM t"), "297");
  // As many may be refused as are, and no more.
  const std::vector<std::string> words = {"sync", "--accept", "t.type.tags", "--accept", "t.type.code", "--max-errors"};
  for (const auto& [most, what] : {std::pair("3", "the target refused 3 rows"), std::pair("2", "more than 2 rows")}) {
    std::vector<std::string> with = words;
    with.emplace_back(most);
    EXPECT_THAT(Run(with).err, HasSubstr(what));
  }
}

TEST_F(TablesSyncTest, TriggersMissingKeysAndMissingRightsStandInTheWay) {
  OnBoth(
      "CREATE TABLE stamped (id int PRIMARY KEY); CREATE TABLE keyless (id int); CREATE TABLE mine (id serial PRIMARY "
      "KEY)");
  Sql(target(),
      "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
      "CREATE TRIGGER stamp BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION stamp(); "
      "CREATE ROLE mover LOGIN; GRANT SELECT, INSERT, UPDATE ON mine, stamped, keyless TO mover");
  const nlohmann::json plan = Json({"plan", "--timeweb-user=mover"}, kRefused);
  EXPECT_THAT(Ids(plan["findings"]),
              ::testing::IsSupersetOf({"stamped.trigger.stamp", "keyless.primary-key-missing",
                                       "mine.right-delete.target", "mine.sequence-right.mine_id_seq"}));
  Sql(target(), "DROP OWNED BY mover; DROP ROLE mover");
}

TEST_F(TablesSyncTest, TablesOfTheAuthStateAreLeftAloneUnlessNamed) {
  OnBoth(
      "CREATE TABLE whatsapp_auth (id int PRIMARY KEY); CREATE TABLE auth_keys (id int PRIMARY KEY); CREATE TABLE t "
      "(id int PRIMARY KEY)");
  Sql(source(), "INSERT INTO whatsapp_auth VALUES (1); INSERT INTO auth_keys VALUES (1); INSERT INTO t VALUES (1)");
  EXPECT_THAT(Sync()["tables"], SizeIs(1));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM whatsapp_auth"), "0");
  EXPECT_THAT(Sync({"--tables", "whatsapp_auth,t"})["tables"], SizeIs(2));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM whatsapp_auth"), "1");
  EXPECT_EQ(Run({"sync", "--tables", "no_such_table"}).code, kRefused);
}

TEST_F(TablesSyncTest, FromWhereTheTargetEndsTheRestIsCopiedButForWhatItRefuses) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY, n int)");
  Sql(source(), "INSERT INTO t SELECT i, i FROM generate_series(1, 200000) i");
  Sql(target(),
      "INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i; UPDATE t SET n = 0 WHERE id = 7; "
      "ALTER TABLE t ADD CHECK (id <> 150000)");
  const nlohmann::json found = TableOf(Sync({"--dry-run"}, kDataLoss), "t");
  EXPECT_EQ(found["missing"], 199'000);
  EXPECT_EQ(found["different"], 1);
  const nlohmann::json synced = Sync({"--rounds", "1"}, kDataLoss);
  ASSERT_THAT(synced["refused"], SizeIs(1)) << synced;
  EXPECT_EQ(synced["refused"][0]["key"], "id=150000");
  EXPECT_EQ(Ask(target(), "SELECT count(*) || ' ' || sum(n) FROM t"),
            Ask(source(), "SELECT count(*) || ' ' || sum(n) FROM t WHERE id <> 150000"));
  EXPECT_EQ(TableOf(synced, "t")["copied"], 199'000);
}

TEST_F(TablesSyncTest, LargeRowsGoOver) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY, body text)");
  Sql(source(),
      "INSERT INTO t SELECT i, repeat(md5(i::text), CASE WHEN i % 10 = 0 THEN 100000 ELSE 1 END) FROM "
      "generate_series(1, 60) i");
  Sql(target(), "INSERT INTO t SELECT i, '' FROM generate_series(1, 60) i");
  EXPECT_EQ(TableOf(Verify(kDataLoss, {"--listed", "7"}), "t")["rows"].size(), 7);
  EXPECT_TRUE(Sync()["equal"]);
  EXPECT_TRUE(Verify()["equal"]);
  // A transaction takes no more than it may, but a row.
  const std::string transactions = "SELECT count(DISTINCT xmin::text) FROM t";
  EXPECT_LT(std::stoi(Ask(target(), transactions)), 60);
  Sql(target(), "UPDATE t SET body = ''");
  EXPECT_TRUE(Sync({"--batch-bytes", "1"})["equal"]);
  EXPECT_EQ(Ask(target(), transactions), "60");
}

// Everything that applications do to rows, while rounds run; once they stop, a last round makes both equal.
TEST_F(TablesSyncTest, TrafficWhileSyncingAndALastRoundAreEqual) {
  OnBoth(
      "CREATE TABLE parent (id serial PRIMARY KEY, code int UNIQUE, name text); "
      "CREATE TABLE child (id bigserial PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE ON UPDATE "
      "CASCADE, tags int[], at timestamptz DEFAULT now()); "
      "CREATE TABLE log (at date, id uuid DEFAULT gen_random_uuid(), body text, PRIMARY KEY (id, at)); "
      "CREATE TABLE gone (id int PRIMARY KEY); CREATE TABLE journal (id serial PRIMARY KEY, body text)");
  Sql(source(),
      "INSERT INTO parent (code, name) SELECT i, 'n' FROM generate_series(1, 3000) i; "
      "INSERT INTO child (parent_id, tags) SELECT i, ARRAY[i] FROM generate_series(1, 3000) i; "
      "CREATE SCHEMA aside; CREATE TABLE aside.ended_rounds (round int)");
  std::atomic<bool> stop = false;
  const std::vector<std::string> deeds = {
      "INSERT INTO parent (code, name) SELECT 100000 + (random() * 1e8)::int, 'new' ON CONFLICT DO NOTHING",
      "INSERT INTO child (parent_id, tags) SELECT id, ARRAY[id, NULL] FROM parent ORDER BY random() LIMIT 20",
      "UPDATE parent SET name = 'n' || random() WHERE id % 97 = (random() * 96)::int",
      "UPDATE parent SET id = id + 1000000 WHERE id IN (SELECT id FROM parent WHERE id < 1000000 ORDER BY random() "
      "LIMIT 3)",
      "UPDATE child SET id = nextval('child_id_seq') WHERE id % 501 = (random() * 500)::int",
      "DELETE FROM parent WHERE id % 499 = (random() * 498)::int",
      "INSERT INTO log (at, body) SELECT current_date, md5(random()::text) FROM generate_series(1, 50)",
      "BEGIN; TRUNCATE log; INSERT INTO log (at, body) VALUES (current_date, 'first'); COMMIT",
      "INSERT INTO gone VALUES ((random() * 1e8)::int) ON CONFLICT DO NOTHING",
      "INSERT INTO journal (body) VALUES ('soon')",
      // Without waiting for long, as others would wait behind it.
      "SET lock_timeout = '50ms'; TRUNCATE gone",
      "SET lock_timeout = '50ms'; SET client_min_messages = error; TRUNCATE parent CASCADE; INSERT INTO parent (code) "
      "SELECT generate_series(1, 500)",
      "UPDATE parent a SET code = -a.code - 1 WHERE a.id IN (SELECT id FROM parent ORDER BY random() LIMIT 2)",
      // Commits later than those that began after it.
      "BEGIN; INSERT INTO child (tags) VALUES ('{}'); SELECT pg_sleep(0.2); COMMIT"};
  const auto traffic = [&](unsigned seed) {
    std::minstd_rand random(seed);
    while (!stop) (void)test::TestPostgres::Run(source(), deeds[random() % deeds.size()]);
  };
  std::thread first(traffic, 1);
  std::thread second(traffic, 2);
  for (int i = 0; i < 4; ++i) {
    // Begun before the round, and committed after it: rows with older keys than what others commit meanwhile.
    std::unique_ptr<test::Subprocess> late;
    if (i % 2 == 0) late = CommitAfterRound(i);
    const CliResult round = Run({"sync", "--rounds", "1", "--allow-emptying"});
    EXPECT_THAT(round.code, ::testing::AnyOf(kOk, kDataLoss)) << round.out << round.err;
    Sql(source(), absl::StrCat("INSERT INTO aside.ended_rounds VALUES (", i, ")"));
    if (late == nullptr) continue;
    const auto exit = late->Wait(absl::Minutes(1));
    ASSERT_TRUE(exit.ok()) << exit.status();
    EXPECT_EQ(exit->code, 0) << late->output(test::Subprocess::Stream::kStderr);
  }
  stop = true;
  first.join();
  second.join();
  Sql(source(), "TRUNCATE gone");
  const nlohmann::json last = Sync({"--allow-emptying"});
  EXPECT_TRUE(last["equal"]) << last;
  EXPECT_TRUE(Verify()["equal"]);
  ExpectSame("parent", "id");
  ExpectSame("child", "id");
  ExpectSame("journal", "id");
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM journal WHERE body = 'late'"), "200");
}

}  // namespace
}  // namespace authstate
