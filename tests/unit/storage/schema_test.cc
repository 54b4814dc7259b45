#include "storage/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "storage/error.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

constexpr Migration kKnown[] = {{1, "first", "aa", "SQL 1"}, {2, "second", "bb", "SQL 2"}, {3, "third", "cc", "SQL 3"}};

std::vector<std::uint32_t> Versions(const absl::StatusOr<std::vector<Migration>>& plan) {
  std::vector<std::uint32_t> versions;
  for (const Migration& migration : plan.value()) versions.push_back(migration.version);
  return versions;
}

void ExpectRefused(const absl::StatusOr<std::vector<Migration>>& plan, const char* message_part) {
  ASSERT_TRUE(absl::IsFailedPrecondition(plan.status())) << plan.status();
  EXPECT_EQ(ReasonOf(plan.status()), kSchemaUnknown);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr(message_part));
}

TEST(PlanMigrationsTest, AnEmptyDatabaseGetsAllWithoutBeingAsked) {
  EXPECT_THAT(Versions(PlanMigrations(kKnown, {}, /*migrate=*/false)), testing::ElementsAre(1, 2, 3));
}

TEST(PlanMigrationsTest, AnUpToDateDatabaseGetsNone) {
  const std::vector<AppliedMigration> applied = {{1, "aa"}, {2, "bb"}, {3, "cc"}};
  EXPECT_TRUE(Versions(PlanMigrations(kKnown, applied, /*migrate=*/false)).empty());
}

TEST(PlanMigrationsTest, AnOlderDatabaseIsRefusedUnlessMigrateWasGiven) {
  const std::vector<AppliedMigration> applied = {{1, "aa"}};
  ExpectRefused(PlanMigrations(kKnown, applied, /*migrate=*/false), "--migrate");
  EXPECT_THAT(Versions(PlanMigrations(kKnown, applied, /*migrate=*/true)), testing::ElementsAre(2, 3));
}

TEST(PlanMigrationsTest, ANewerDatabaseIsRefusedAlsoWithMigrate) {
  const std::vector<AppliedMigration> applied = {{1, "aa", 1}, {2, "bb", 1}, {3, "cc", 1}, {4, "dd", 4}};
  ExpectRefused(PlanMigrations(kKnown, applied, /*migrate=*/true), "newer version");
}

TEST(PlanMigrationsTest, ANewerDatabaseThatOnlyExpandedIsServed) {
  const std::vector<AppliedMigration> applied = {{1, "aa", 1}, {2, "bb", 1}, {3, "cc", 1}, {4, "dd", 3}, {5, "ee", 2}};
  EXPECT_TRUE(Versions(PlanMigrations(kKnown, applied, /*migrate=*/false)).empty());
}

TEST(PlanMigrationsTest, OneNewerMigrationThatContractsIsEnoughToRefuse) {
  const std::vector<AppliedMigration> applied = {{1, "aa", 1}, {2, "bb", 1}, {3, "cc", 1}, {4, "dd", 4}, {5, "ee", 3}};
  ExpectRefused(PlanMigrations(kKnown, applied, /*migrate=*/false), "newer version");
}

TEST(PlanMigrationsTest, AChangedFileIsRefused) {
  const std::vector<AppliedMigration> applied = {{1, "aa"}, {2, "xx"}};
  ExpectRefused(PlanMigrations(kKnown, applied, /*migrate=*/true), "migration 2 (second)");
}

TEST(PlanMigrationsTest, AGapIsRefused) {
  const std::vector<AppliedMigration> applied = {{1, "aa"}, {3, "cc"}};
  ExpectRefused(PlanMigrations(kKnown, applied, /*migrate=*/true), "lacks migration 2");
}

TEST(PlanRollbackTest, TakesTheLatestBackFirst) {
  const std::vector<AppliedMigration> applied = {{1, "aa"}, {2, "bb"}, {3, "cc"}};
  EXPECT_THAT(Versions(PlanRollback(kKnown, applied, 1)), testing::ElementsAre(3, 2));
  EXPECT_THAT(Versions(PlanRollback(kKnown, applied, 0)), testing::ElementsAre(3, 2, 1));
  EXPECT_TRUE(Versions(PlanRollback(kKnown, applied, 3)).empty());
}

TEST(PlanRollbackTest, AVersionAboveTheSchemasIsRefused) {
  const std::vector<AppliedMigration> applied = {{1, "aa"}};
  EXPECT_TRUE(absl::IsInvalidArgument(PlanRollback(kKnown, applied, 2).status()));
}

TEST(PlanRollbackTest, WhatThisProgramDoesNotKnowIsLeftAlone) {
  const std::vector<AppliedMigration> newer = {{1, "aa", 1}, {2, "bb", 1}, {3, "cc", 1}, {4, "dd", 1}};
  ExpectRefused(PlanRollback(kKnown, newer, 0), "newer version");
  const std::vector<AppliedMigration> changed = {{1, "xx"}};
  ExpectRefused(PlanRollback(kKnown, changed, 0), "migration 1 (first)");
}

}  // namespace
}  // namespace authstate::storage
