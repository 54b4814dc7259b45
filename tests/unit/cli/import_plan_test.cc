#include "client/cli/import_plan.h"

#include <gtest/gtest.h>

#include <string>

namespace authstate::cli {
namespace {

constexpr char kSession[] = "demo";

Folder FolderOf(int keys, bool creds) {
  Folder folder;
  if (creds) folder.creds = Value{ValueKind::kJson, "{}"};
  for (int i = 0; i < keys; ++i) folder.keys.push_back({{"pre-key", std::to_string(i)}, {ValueKind::kRaw, "12345"}});
  return folder;
}

CommitLimits Limits(std::size_t operations, std::size_t bytes) {
  CommitLimits limits;
  limits.operations = operations;
  limits.bytes = bytes;
  return limits;
}

TEST(ImportPlanTest, OneCommitWhereItFits) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(3, true), false, false, false, Limits(4, 17));
  ASSERT_EQ(plan.commits.size(), 1U);
  EXPECT_EQ(plan.commits[0].sets.size(), 3U);
  EXPECT_TRUE(plan.commits[0].creds.has_value());
  EXPECT_FALSE(plan.commits[0].clear_keys);
  EXPECT_FALSE(plan.delete_creds_first);
}

TEST(ImportPlanTest, ReplacingClearsTheKeysInTheSameCommit) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(3, true), true, true, true);
  ASSERT_EQ(plan.commits.size(), 1U);
  EXPECT_TRUE(plan.commits[0].clear_keys);
  EXPECT_FALSE(plan.delete_creds_first);
}

TEST(ImportPlanTest, OverTheOperationsCredsComeLast) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(4, true), false, false, false, Limits(4, 1'000));
  ASSERT_EQ(plan.commits.size(), 2U);
  EXPECT_EQ(plan.commits[0].sets.size(), 4U);
  EXPECT_FALSE(plan.commits[0].creds.has_value());
  EXPECT_TRUE(plan.commits[1].sets.empty());
  EXPECT_TRUE(plan.commits[1].creds.has_value());
}

TEST(ImportPlanTest, OverTheBytesKeysAreSpread) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(5, true), false, false, false, Limits(100, 12));
  ASSERT_EQ(plan.commits.size(), 3U);
  EXPECT_EQ(plan.commits[0].sets.size(), 2U);
  EXPECT_EQ(plan.commits[1].sets.size(), 2U);
  EXPECT_EQ(plan.commits[2].sets.size(), 1U);
  EXPECT_TRUE(plan.commits[2].creds.has_value());
}

TEST(ImportPlanTest, ReplacingInSeveralCommitsDeletesTheOldCredsFirst) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(5, true), true, true, true, Limits(4, 1'000));
  EXPECT_TRUE(plan.delete_creds_first);
  EXPECT_TRUE(plan.commits[0].clear_keys);
  EXPECT_FALSE(plan.commits[1].clear_keys);
}

TEST(ImportPlanTest, ReplacingNothingButCredsLeavesAMarkInTheirPlace) {
  EXPECT_TRUE(PlanImport(kSession, FolderOf(5, true), true, true, false, Limits(4, 1'000)).mark_first);
  EXPECT_FALSE(PlanImport(kSession, FolderOf(5, true), true, true, true, Limits(4, 1'000)).mark_first);
  EXPECT_FALSE(PlanImport(kSession, FolderOf(3, true), true, true, false).mark_first);
  EXPECT_FALSE(PlanImport(kSession, FolderOf(5, true), true, false, false, Limits(4, 1'000)).mark_first);
}

TEST(ImportPlanTest, KeysAloneLeaveTheCreds) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(5, false), true, true, true, Limits(4, 1'000));
  EXPECT_FALSE(plan.delete_creds_first);
  for (const client::CommitRequest& commit : plan.commits) EXPECT_FALSE(commit.creds.has_value());
}

}  // namespace
}  // namespace authstate::cli
