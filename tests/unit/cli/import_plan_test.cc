#include "client/cli/import_plan.h"

#include <gtest/gtest.h>

#include <string>

namespace authstate::cli {
namespace {

constexpr char kSession[] = "demo";
constexpr char kOrigin[] = "x";

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
  const ImportPlan plan = PlanImport(kSession, FolderOf(3, true), kOrigin, {false, false}, Limits(4, 17));
  ASSERT_EQ(plan.commits.size(), 1U);
  EXPECT_EQ(plan.commits[0].sets.size(), 3U);
  EXPECT_TRUE(plan.commits[0].creds.has_value());
  EXPECT_FALSE(plan.commits[0].clear_keys);
  EXPECT_FALSE(plan.delete_creds_first);
}

TEST(ImportPlanTest, ReplacingClearsTheKeysInTheSameCommit) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(3, true), kOrigin, {true, true});
  ASSERT_EQ(plan.commits.size(), 1U);
  EXPECT_TRUE(plan.commits[0].clear_keys);
  EXPECT_FALSE(plan.delete_creds_first);
}

TEST(ImportPlanTest, OverTheOperationsCredsComeLastAndTheMarkIsThereUntilThen) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(4, true), kOrigin, {false, false}, Limits(4, 1'000));
  ASSERT_EQ(plan.commits.size(), 2U);
  EXPECT_EQ(plan.commits[0].sets.size(), 4U);
  EXPECT_EQ(plan.commits[0].sets.back(), UnfinishedMark(kOrigin));
  EXPECT_FALSE(plan.commits[0].creds.has_value());
  EXPECT_EQ(plan.commits[1].sets.size(), 1U);
  EXPECT_TRUE(plan.commits[1].creds.has_value());
  EXPECT_EQ(plan.commits[1].deletes, std::vector{UnfinishedMark(kOrigin).name});
}

TEST(ImportPlanTest, OverTheBytesKeysAreSpread) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(5, true), kOrigin, {false, false}, Limits(100, 15));
  ASSERT_EQ(plan.commits.size(), 3U);
  EXPECT_EQ(plan.commits[0].sets.size(), 3U);
  EXPECT_EQ(plan.commits[1].sets.size(), 2U);
  EXPECT_EQ(plan.commits[2].sets.size(), 1U);
  EXPECT_TRUE(plan.commits[2].creds.has_value());
}

TEST(ImportPlanTest, NoCommitIsOverItsLimitsWithTheMark) {
  for (int keys = 0; keys < 12; ++keys) {
    const ImportPlan plan = PlanImport(kSession, FolderOf(keys, true), kOrigin, {false, false}, Limits(4, 15));
    for (const client::CommitRequest& commit : plan.commits) {
      std::size_t bytes = commit.creds.has_value() ? commit.creds->bytes.size() : 0;
      for (const client::KeyEntry& entry : commit.sets) bytes += entry.value.bytes.size();
      EXPECT_LE(bytes, 15U) << keys;
      EXPECT_LE(commit.sets.size() + commit.deletes.size() + (commit.creds.has_value() ? 1 : 0), 4U) << keys;
    }
  }
}

TEST(ImportPlanTest, ReplacingInSeveralCommitsDeletesTheOldCredsFirst) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(5, true), kOrigin, {true, true}, Limits(4, 1'000));
  EXPECT_TRUE(plan.delete_creds_first);
  EXPECT_TRUE(plan.commits[0].clear_keys);
  EXPECT_FALSE(plan.commits[1].clear_keys);
  EXPECT_FALSE(PlanImport(kSession, FolderOf(3, true), kOrigin, {true, true}).delete_creds_first);
  EXPECT_FALSE(PlanImport(kSession, FolderOf(5, true), kOrigin, {true, false}, Limits(4, 1'000)).delete_creds_first);
}

TEST(ImportPlanTest, KeysAloneLeaveTheCreds) {
  const ImportPlan plan = PlanImport(kSession, FolderOf(5, false), kOrigin, {true, true}, Limits(4, 1'000));
  EXPECT_FALSE(plan.delete_creds_first);
  for (const client::CommitRequest& commit : plan.commits) EXPECT_FALSE(commit.creds.has_value());
}

TEST(ImportPlanTest, WhatIsToEndWithoutCredsLosesThemFirst) {
  EXPECT_TRUE(PlanImport(kSession, FolderOf(3, false), kOrigin, {true, true, false}).delete_creds_first);
  EXPECT_FALSE(PlanImport(kSession, FolderOf(3, false), kOrigin, {true, false, false}).delete_creds_first);
  // Where they are replaced, one commit does it.
  EXPECT_FALSE(PlanImport(kSession, FolderOf(3, true), kOrigin, {true, true, false}).delete_creds_first);
}

}  // namespace
}  // namespace authstate::cli
