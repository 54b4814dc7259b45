#include "storage/postgres/layout/layout.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "storage/error.h"
#include "storage/postgres/postgres_backend.h"

namespace authstate::storage {
namespace {

void ExpectQualified(const Layout& layout) {
  const LayoutSchema& schema = layout.schema;
  const std::string statements[] = {layout.commit,  layout.commit_writes, layout.commit_sets,   layout.resolve,
                                    layout.leases,  layout.read,          layout.list,          layout.snapshot_head,
                                    schema.applied, schema.create,        layout.snapshot_page, schema.lock,
                                    schema.record,  schema.forget};
  for (const std::string& statement : statements) {
    const std::string table = schema.home + ".auth_";
    EXPECT_NE(statement.find(table), std::string::npos) << statement;
    EXPECT_EQ(absl::StrReplaceAll(statement, {{table, ""}}).find("auth_"), std::string::npos) << statement;
  }
}

TEST(LayoutTest, EveryStatementNamesTheSchemaOfItsTables) {
  ExpectQualified(NativeLayout("authstate"));
  ExpectQualified(NativeLayout("\"an odd one\""));
}

TEST(LayoutTest, AStatementOfASchemaIsMadeOnce) {
  EXPECT_EQ(&NativeLayout("public"), &NativeLayout("public"));
  EXPECT_NE(&NativeLayout("public"), &NativeLayout("authstate"));
}

TEST(LayoutTest, WhatALayoutHoldsIsKnownWithoutADatabase) {
  Commit commit;
  commit.session_id = "longer names: than.those";
  EXPECT_EQ(ReasonOf(CheckLayoutHolds("legacy", commit)), kNotInLayout);
  EXPECT_EQ(OutcomeOf(CheckLayoutHolds("legacy", commit)), Outcome::kNotApplied);
  EXPECT_TRUE(CheckLayoutHolds("native", commit).ok());
  EXPECT_TRUE(CheckLayoutHolds("", commit).ok());
}

}  // namespace
}  // namespace authstate::storage
