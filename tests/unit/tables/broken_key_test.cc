#include "migrations/tables/broken_key.h"

#include <gtest/gtest.h>

#include "tests/unit/tables/catalogues.h"

namespace authstate::tables {
namespace {

class BrokenKeyTest : public testing::Test {
 protected:
  BrokenKeyTest() {
    Constraint constraint =
        ConstraintOf('f', "of_client", "FOREIGN KEY (name, status) REFERENCES public.clients(b, a)", "clients");
    constraint.columns = {"name", "status"};
    constraint.referenced_columns = {"b", "a"};
    Table visits = TableOf("visits");
    visits.constraints.push_back(constraint);
    visits.partitions = {{"visits_1", "visits", "FOR VALUES FROM (1) TO (9)", ""}};
    Add(catalogue_, visits);
    error_.table = "visits";
    error_.constraint = "of_client";
  }

  Catalogue catalogue_ = CatalogueOf();
  DbError error_;
};

TEST_F(BrokenKeyTest, IsFoundByTheTableOrOneOfItsPartitions) {
  EXPECT_EQ(FindBrokenKey(catalogue_, error_).table, "visits");
  error_.table = "visits_1";
  EXPECT_EQ(FindBrokenKey(catalogue_, error_).table, "visits");
  error_.table = "clients";
  EXPECT_EQ(FindBrokenKey(catalogue_, error_).constraint, nullptr);
}

TEST_F(BrokenKeyTest, RowsAreSelectedByTheKeyOfTheirTable) {
  const BrokenKey broken = FindBrokenKey(catalogue_, error_);
  const char* const rest =
      " FROM \"public\".\"visits\" AS x WHERE x.\"name\" IS NOT NULL AND x.\"status\" IS NOT NULL AND NOT EXISTS "
      "(SELECT 1 FROM \"public\".\"clients\" AS r WHERE r.\"b\" = x.\"name\" AND r.\"a\" = x.\"status\") LIMIT 5";
  EXPECT_EQ(PointingAtNothing(catalogue_, broken, {"id"}, 5), absl::StrCat("SELECT DISTINCT x.\"id\"", rest));
  // In the order of the other table's key, whatever that of the foreign key.
  EXPECT_EQ(PointedAt(catalogue_, broken, {"a", "b"}, 5),
            absl::StrCat("SELECT DISTINCT x.\"status\", x.\"name\"", rest));
  EXPECT_EQ(PointedAt(catalogue_, broken, {"id"}, 5), "");
}

}  // namespace
}  // namespace authstate::tables
