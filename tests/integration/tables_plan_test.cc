// authstatectl tables: what the catalogues of real servers say, what --create makes of it, sequences, and circles of
// foreign keys.
#include "tests/integration/open_psql.h"
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

class TablesPlanTest : public TablesTest {
 protected:
  static std::vector<std::string> Blocking(const CliResult& refused) { return Ids(refused.OutJson()["blocking"]); }
};

// All that a catalogue tells, made anew, is the same to the plan; and made once, it is not made again.
TEST_F(TablesPlanTest, WhatIsMadeIsWhatTheSourceHas) {
  Sql(source(),
      "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi); "
      "CREATE DOMAIN state AS varchar CHECK (VALUE IN ('a', 'b')); CREATE TYPE pair AS (a span, b state); "
      "CREATE DOMAIN spans AS span CHECK (NOT isempty(VALUE)); "
      "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (START WITH 500 INCREMENT BY 5 CYCLE MAXVALUE 100000) "
      "PRIMARY "
      "KEY, status varchar(10) CHECK (status IN ('a', 'b')), s span, m span_multirange, sp spans, p pair, st state, "
      "code text UNIQUE NULLS NOT DISTINCT, twice int GENERATED ALWAYS AS (length(code) * 2) STORED, n bigserial); "
      "CREATE UNIQUE INDEX one_open ON t (lower(code)) WHERE status IN ('a', 'b'); "
      "CREATE INDEX few ON t (status) WHERE status IN ('a', 'b'); "
      "INSERT INTO t (status, s, m, sp, p, st, code) VALUES ('a', '[1,2]', '{[1,2]}', '[1,2]', "
      "'(\"[1,2]\",a)', 'b', NULL)");
  EXPECT_TRUE(Sync({"--create"})["equal"]);
  EXPECT_THAT(Json({"plan", "--create"})["blocking"], 0);
  const nlohmann::json verified = Verify();
  EXPECT_TRUE(verified["equal"]) << verified;
  EXPECT_TRUE(Sync({"--create"})["equal"]);
  EXPECT_EQ(Run({"plan", "--create", "--print"}).out, "-- Before the rows.\n-- After the rows.\n");
  EXPECT_EQ(Ask(target(), "INSERT INTO t (code) VALUES ('x') RETURNING id"), "505");
  EXPECT_FALSE(test::TestPostgres::Run(target(), "INSERT INTO t (code) VALUES (NULL)").ok());
}

TEST_F(TablesPlanTest, AFunctionThatATableNeedsIsNamedBeforeAnythingIsMade) {
  Sql(source(),
      "CREATE FUNCTION code(n int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''c'' || n'; "
      "CREATE FUNCTION unused() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
      "CREATE TABLE t (id int PRIMARY KEY, code text DEFAULT code(1), CHECK (code <> code(2)))");
  const CliResult refused = Run({"sync", "--create", "--json"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(Blocking(refused), ElementsAre("t.function-missing.public.code(integer)"));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
  Sql(target(), "CREATE FUNCTION code(n int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''c'' || n'");
  EXPECT_TRUE(Sync({"--create"})["equal"]);
}

TEST_F(TablesPlanTest, TimeOutsOfTheRoleAreNamed) {
  OnBoth("CREATE TABLE t (id int PRIMARY KEY)");
  const std::string name = target().substr(target().rfind('/') + 1);
  Sql(target(), absl::StrCat("ALTER DATABASE ", name, " SET statement_timeout = '8s'; ALTER DATABASE ", name,
                             " SET idle_in_transaction_session_timeout = '9s'"));
  const nlohmann::json plan = Json({"plan"});
  EXPECT_THAT(Ids(plan["findings"]), ElementsAre("database.time-outs.target"));
  EXPECT_THAT(plan["findings"][0]["what"].get<std::string>(),
              HasSubstr("idle_in_transaction_session_timeout = 9000 ms, statement_timeout = 8000 ms"));
}

TEST_F(TablesPlanTest, RowsOfTablesThatWereNotNamedAreNotDeletedAlong) {
  OnBoth(
      "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent "
      "ON "
      "DELETE CASCADE); CREATE SCHEMA other; CREATE TABLE other.note (parent int REFERENCES parent ON DELETE SET "
      "NULL)");
  Sql(source(), "INSERT INTO parent VALUES (1)");
  Sql(target(),
      "INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 2); INSERT INTO other.note VALUES (2)");
  const CliResult refused = Run({"sync", "--tables", "parent", "--json"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(Blocking(refused),
              ElementsAre("parent.referenced-from-outside.other.note", "parent.referenced-from-outside.child"));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM child"), "1");
  Sql(target(), "DROP TABLE other.note");
  EXPECT_TRUE(Sync({"--allow-emptying"})["equal"]);
}

// A serial column whose name was taken, an identity column, and a serial one in the target alone.
TEST_F(TablesPlanTest, SequencesOfOtherNamesAreSetToo) {
  Sql(source(),
      "CREATE TABLE a (id serial PRIMARY KEY); CREATE TABLE b (id serial PRIMARY KEY); CREATE TABLE c (id int "
      "PRIMARY KEY); CREATE SEQUENCE numbers; CREATE TABLE d (id text PRIMARY KEY DEFAULT 'd-' || "
      "nextval('numbers')); INSERT INTO a SELECT FROM generate_series(1, 40); INSERT INTO b SELECT FROM "
      "generate_series(1, 50); INSERT INTO c SELECT generate_series(1, 60); INSERT INTO d DEFAULT VALUES");
  Sql(target(),
      "CREATE SEQUENCE a_id_seq; CREATE TABLE a (id serial PRIMARY KEY); CREATE TABLE b (id int GENERATED BY "
      "DEFAULT AS IDENTITY (SEQUENCE NAME b_numbers) PRIMARY KEY); CREATE TABLE c (id serial PRIMARY KEY); "
      "CREATE SEQUENCE numbers; CREATE TABLE d (id text PRIMARY KEY DEFAULT 'd-' || nextval('numbers'))");
  EXPECT_TRUE(Sync({"--create"})["equal"]);
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM pg_sequences"), "5");
  for (const auto& [table, next] :
       {std::pair("a", "41"), std::pair("b", "51"), std::pair("c", "61"), std::pair("d", "d-2")}) {
    EXPECT_EQ(Ask(target(), absl::StrCat("INSERT INTO ", table, " DEFAULT VALUES RETURNING id")), next);
  }
  Sql(target(),
      "DELETE FROM a WHERE id = 41; DELETE FROM b WHERE id = 51; DELETE FROM c WHERE id = 61; DELETE FROM d "
      "WHERE id = 'd-2'; SELECT setval('b_numbers', 3)");
  const nlohmann::json verified = Verify(kDataLoss);
  ASSERT_THAT(verified["sequences"], SizeIs(1)) << verified;
  EXPECT_EQ(verified["sequences"][0]["sequence"], "b_numbers");
}

TEST_F(TablesPlanTest, RowsThatWereRefusedAreToldAndConstraintsWait) {
  Sql(source(),
      "CREATE TABLE t (id int PRIMARY KEY, code varchar(20) UNIQUE); INSERT INTO t VALUES (1, 'short'), (2, 'far too "
      "long')");
  Sql(target(), "CREATE TABLE t (id int PRIMARY KEY, code varchar(5)); INSERT INTO t VALUES (3, 'short')");
  const CliResult result = Run({"sync", "--create", "--accept", "t.type.code", "--json"});
  EXPECT_EQ(result.code, kDataLoss);
  EXPECT_THAT(result.OutJson()["refused"], SizeIs(1));
  EXPECT_THAT(result.err, HasSubstr("UNIQUE, CHECK, indexes and foreign keys are made once"));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'u'"), "0");
}

// A foreign key that is checked at the end names no row.
TEST_F(TablesPlanTest, RowsOfACircleThatDoNotFitAreNamedAndTheRestGoesOn) {
  OnBoth(
      "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); "
      "ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b DEFERRABLE");
  Sql(source(),
      "BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO a SELECT i, i FROM generate_series(1, 300) i; "
      "INSERT INTO b SELECT i, i FROM generate_series(1, 300) i; COMMIT; "
      "ALTER TABLE a DROP CONSTRAINT a_b; UPDATE a SET b = 9999 WHERE id IN (5, 250)");
  const nlohmann::json synced = Sync({}, kDataLoss);
  EXPECT_THAT(
      synced["refused"],
      ::testing::IsSupersetOf(
          {nlohmann::json(
               {{"table", "a"}, {"key", "id=5"}, {"column", ""}, {"constraint", "a_b"}, {"sqlstate", "23503"}}),
           nlohmann::json(
               {{"table", "a"}, {"key", "id=250"}, {"column", ""}, {"constraint", "a_b"}, {"sqlstate", "23503"}})}))
      << synced;
  // The rows of b that point at them have nothing to point at either.
  EXPECT_THAT(synced["refused"], SizeIs(4));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM a"), "298");
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM b"), "298");
  EXPECT_EQ(Run({"sync", "--max-errors", "3"}).code, kDataLoss);
  // What a row that was refused still points at is not deleted.
  Sql(source(), "UPDATE a SET b = 9999 WHERE id = 7; DELETE FROM b WHERE id = 7");
  const nlohmann::json again = Sync({}, kDataLoss);
  EXPECT_THAT(again["refused"],
              Contains(nlohmann::json(
                  {{"table", "b"}, {"key", "id=7"}, {"column", ""}, {"constraint", "a_b"}, {"sqlstate", "23503"}})))
      << again;
  EXPECT_EQ(Ask(target(), "SELECT b FROM a WHERE id = 7"), "7");
  Sql(source(), "UPDATE a SET b = NULL WHERE b = 9999");
  EXPECT_TRUE(Sync()["equal"]);
}

TEST_F(TablesPlanTest, ACircleWhoseConnectionWasLostIsBegunAnew) {
  OnBoth(
      "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); "
      "ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b DEFERRABLE INITIALLY DEFERRED");
  Sql(source(),
      "BEGIN; INSERT INTO a SELECT i, i FROM generate_series(1, 300) i; INSERT INTO b SELECT i, i FROM "
      "generate_series(1, 300) i; COMMIT");
  auto holder = std::make_unique<test::OpenPsql>(target(), "LOCK TABLE b IN SHARE MODE");
  const auto syncing = Start({"sync", "--json"});
  const std::string waits =
      "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT "
      "INTO%'";
  // All of a is written by then.
  ASSERT_TRUE(test::TestPostgres::AwaitAnswer(target(), absl::StrCat("SELECT count(*) > 0 ", waits), "t").ok());
  Sql(target(), absl::StrCat("SELECT pg_terminate_backend(pid, 60000) ", waits));
  ASSERT_TRUE(test::TestPostgres::AwaitAnswer(target(), absl::StrCat("SELECT count(*) > 0 ", waits), "t").ok());
  holder.reset();
  const auto exit = syncing->Wait(absl::Minutes(5));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, kOk) << syncing->output(test::Subprocess::Stream::kStderr);
  EXPECT_TRUE(Verify()["equal"]);
}

}  // namespace
}  // namespace authstate
