// authstatectl tables: what the live system's move by hand had hidden for four weeks, each by itself.
#include "tests/integration/tables_test.h"

namespace authstate {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class MovedByHandTest : public TablesTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TablesTest::SetUp());
    Load(source(), "live.sql");
    Load(source(), "rows.sql");
    Load(target(), "live.sql");
  }
  // What stands in the way of a copy, of which nothing is done.
  std::vector<std::string> Blocking() const {
    const CliResult refused = Run({"sync", "--json"});
    EXPECT_EQ(refused.code, kRefused) << refused.out << refused.err;
    EXPECT_EQ(Ask(target(), "SELECT count(*) FROM bookings"), "0");
    return Ids(refused.OutJson()["blocking"]);
  }
};

// 1,000 of 1,304 clients had arrived: as many as the interface of before gives at once, in no order.
TEST_F(MovedByHandTest, MoreRowsThanAnInterfaceGivesAtOnceArrive) {
  EXPECT_TRUE(Sync()["equal"]);
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM clients"), "1299");
  Sql(target(), "DELETE FROM clients WHERE id > 1000");
  const nlohmann::json clients = TableOf(Verify(kDataLoss), "clients");
  EXPECT_EQ(clients["state"], "different");
  EXPECT_EQ(clients["missing"], 299);
}

// The first run had moved no row, as the columns of the target had other names.
TEST_F(MovedByHandTest, ColumnsOfOtherNamesAreNamedAndNothingIsCopied) {
  Sql(target(), "ALTER TABLE clients RENAME COLUMN yclients_id TO external_id");
  EXPECT_THAT(Blocking(), IsSupersetOf({"clients.column-missing.yclients_id", "clients.column-extra.external_id"}));
}

// Every upsert failed then.
TEST_F(MovedByHandTest, UniqueConstraintsThatTheTargetLacksAreNamed) {
  Sql(target(), "ALTER TABLE staff DROP CONSTRAINT staff_yclients_id_company_id_key");
  EXPECT_THAT(Blocking(), ElementsAre("staff.unique-missing.yclients_id,company_id"));
}

TEST_F(MovedByHandTest, ColumnsThatAnUpsertNamesWithoutAUniqueAreNamed) {
  const nlohmann::json plan = Json(
      {"plan", "--needs", "clients:phone,company_id", "--needs", "bookings:company_id,yclients_record_id"}, kRefused);
  EXPECT_FALSE(plan["clean"]);
  EXPECT_THAT(Ids(plan["findings"]), ElementsAre("clients.need.phone,company_id"));
}

// The first rows that were made there got ids that were in use.
TEST_F(MovedByHandTest, SequencesThatStandStillAreNamedAndThenPastTheRows) {
  Sync();
  Sql(target(), "SELECT setval('clients_id_seq', 1, false)");
  const nlohmann::json verified = Verify(kDataLoss);
  ASSERT_THAT(verified["sequences"], SizeIs(1)) << verified;
  EXPECT_EQ(verified["sequences"][0]["sequence"], "clients_id_seq");
  Sync();
  Sql(target(), "INSERT INTO clients (yclients_id, company_id) VALUES (1, 962302)");
  EXPECT_EQ(Ask(target(), "SELECT max(id) FROM clients"), "1300");
}

// It took five attempts, and left "malformed array literal" for weeks later.
TEST_F(MovedByHandTest, JsonbWhereTheOtherHasAnArrayIsNamed) {
  Sql(target(), "ALTER TABLE services ALTER staff_ids DROP DEFAULT, ALTER staff_ids TYPE jsonb USING '[]'");
  EXPECT_THAT(Blocking(), Contains("services.type.staff_ids"));
  EXPECT_THAT(Run({"plan"}).out, HasSubstr("integer[] in the source and jsonb in the target"));
}

TEST_F(MovedByHandTest, TextOfAnArrayThatIsNoneIsNamedByKeyAndColumnAndTheRestArrives) {
  Sql(source(), "ALTER TABLE services ALTER declensions TYPE text USING '{1,2}'");
  Sql(source(), "UPDATE services SET declensions = '[\"secret\"]' WHERE id = 5");
  Sql(target(), "ALTER TABLE services ALTER declensions TYPE text[] USING '{}'");
  const CliResult result = Run({"sync", "--json", "--accept", "services.type.declensions"});
  EXPECT_EQ(result.code, kDataLoss) << result.err;
  EXPECT_THAT(result.OutJson()["refused"], ElementsAre(nlohmann::json({{"table", "services"},
                                                                       {"key", "id=5"},
                                                                       {"column", "declensions"},
                                                                       {"constraint", ""},
                                                                       {"sqlstate", "22P02"}})));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("secret")));
  EXPECT_EQ(Ask(target(), "SELECT count(*) FROM services"), "62");
}

TEST_F(MovedByHandTest, WhatElseDiffersBetweenTheSchemasIsNamed) {
  Sql(target(),
      "ALTER TABLE companies DROP CONSTRAINT companies_pkey; ALTER TABLE bookings ALTER comment SET NOT NULL; "
      "DROP TABLE messages");
  EXPECT_THAT(Blocking(), UnorderedElementsAre("companies.primary-key-missing", "bookings.nullability.comment",
                                               "messages.table-missing"));
}

}  // namespace
}  // namespace authstate
