#include "storage/postgres/connection/pg_connection.h"

#include <gtest/gtest.h>

#include <optional>

#include "storage/postgres/connection/pqxx_compat.h"

namespace authstate::storage {
namespace {

// Its answer may come with its deadline: then a statement has succeeded, and there is no connection.
TEST(PgConnectionTest, WithoutAConnectionNoProcessIsNamed) {
  DeadlineTimer timer;
  const PgConnection connection(Conninfo(), absl::Seconds(1), timer);
  EXPECT_EQ(connection.NamedProcess(), std::nullopt);
}

TEST(PqxxCompatTest, ErrorsThatCarryNoStateAreKnownByTheirClass) {
  EXPECT_EQ(pqxx_compat::SqlStateOf(pqxx::insufficient_privilege("denied")), "42501");
  EXPECT_EQ(pqxx_compat::SqlStateOf(pqxx::too_many_connections("none to spare")), "53300");
  EXPECT_EQ(pqxx_compat::SqlStateOf(pqxx::undefined_table("no table", "", "42P01")), "42P01");
  EXPECT_EQ(pqxx_compat::SqlStateOf(pqxx::broken_connection("lost")), "");
}

}  // namespace
}  // namespace authstate::storage
