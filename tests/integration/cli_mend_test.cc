// authstatectl session mend and keys delete --all, against a real authstated on SQLite. What is mended of sessions that
// real Baileys made, is in tests/e2e/session_check.test.ts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "tests/integration/cli_test.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CliMendTest : public CliTest {
 protected:
  // Creds without counters beside a pre-key 7, and a key whose bytes stand as numbers.
  void MakeSession() {
    MustRun({"creds", "set", "s", test::WorkingCreds()});
    MustRun({"keys", "set", "s", "pre-key", "7", R"({"public":{"0":65}})"});
  }
  std::uint64_t Revision() { return Sessions()[0]["revision"]; }
};

TEST_F(CliMendTest, EachStepIsSaidAndADryRunWritesNothing) {
  MakeSession();
  const CliResult dry = Run({"session", "mend", "s", "--dry-run"});
  EXPECT_THAT(dry.out, AllOf(HasSubstr("would mend: bytes that stood as numbers become Buffers in 1 key"),
                             HasSubstr("would mend: nextPreKeyId (no count) and firstUnuploadedPreKeyId (no count) "
                                       "become 8, as the highest pre-key is 7")));
  EXPECT_EQ(Revision(), 2);
  const CliResult mended = Run({"session", "mend", "s"});
  // One commit for all.
  EXPECT_EQ(Revision(), 3);
  EXPECT_THAT(mended.out, HasSubstr("mended: nextPreKeyId"));
  EXPECT_THAT(Run({"creds", "get", "s"}).out, HasSubstr(R"("nextPreKeyId":8,"firstUnuploadedPreKeyId":8)"));
  EXPECT_EQ(Run({"keys", "get", "s", "pre-key", "7"}).out, "{\"public\":{\"type\":\"Buffer\",\"data\":\"QQ==\"}}\n");
}

TEST_F(CliMendTest, WhatStaysWrongIsSaidWithAdviceAndTheExitCode) {
  MakeSession();
  const CliResult mended = Run({"session", "mend", "s"});
  // These creds are of no real keys.
  EXPECT_EQ(mended.code, kDataLoss);
  EXPECT_THAT(mended.out, HasSubstr("cannot be mended here: the public key of noiseKey"));
  EXPECT_THAT(mended.err, HasSubstr("pair again"));
  EXPECT_EQ(Run({"session", "mend", "absent"}).code, kNotFound);
}

TEST_F(CliMendTest, OwnedSessionIsLeftAloneUnlessItsLeaseIsTaken) {
  MakeSession();
  (void)Acquire("s", "pool-1");
  EXPECT_EQ(Run({"session", "mend", "s"}).code, kRefused);
  EXPECT_EQ(Run({"session", "mend", "s", "--take-lease"}).code, kRefused);
  EXPECT_EQ(Revision(), 2);
  EXPECT_EQ(Run({"session", "mend", "s", "--dry-run"}).code, kDataLoss);
  EXPECT_EQ(Lease("s")["owner"], "pool-1");
  (void)Run({"session", "mend", "s", "--take-lease", "--steal"});
  EXPECT_EQ(Revision(), 3);
  EXPECT_EQ(Lease("s")["owner"], "");
}

TEST_F(CliMendTest, AllKeysOfATypeAreDeletedAndNoOthers) {
  MakeSession();
  for (const std::string id : {"a", "b", "*"}) MustRun({"keys", "set", "s", "tctoken", id, "1"});
  const CliResult deleted = Run({"keys", "delete", "s", "tctoken", "--all"});
  EXPECT_EQ(deleted.code, kOk) << deleted.err;
  EXPECT_EQ(deleted.out, "deleted 3 of 3 keys; session s is at revision 6\n");
  EXPECT_EQ(Run({"keys", "list", "s", "tctoken", "--json"}).OutJson()["keys"].size(), 0U);
  EXPECT_EQ(Run({"keys", "get", "s", "pre-key", "7"}).code, kOk);
  // Nothing to do is no error, and no commit.
  EXPECT_EQ(Run({"keys", "delete", "s", "tctoken", "--all", "--json"}).OutJson(),
            nlohmann::json::parse(R"({"session_id":"s","revision":6,"asked":0,"deleted":0})"));
  EXPECT_EQ(Run({"keys", "delete", "s", "tctoken"}).code, kRefused);
  EXPECT_EQ(Run({"keys", "delete", "s", "tctoken", "a", "--all"}).code, kRefused);
  EXPECT_EQ(Run({"keys", "delete", "s", "pre-key", "--all", "--expected-revision", "1"}).code, kRefused);
}

TEST_F(CliMendTest, MoreKeysThanACommitHoldsAreDeletedInSeveral) {
  const std::string folder = directory_.File("auth");
  ASSERT_EQ(cli_->Bash(absl::StrCat("mkdir ", folder, " && cd ", folder, " && for i in $(seq ",
                                    kMaxCommitOperations + 1, "); do echo 1 > pre-key-$i.json; done"))
                .code,
            kOk);
  MustRun({"session", "import", "s", folder, "--keys-only"});
  const nlohmann::json deleted = Run({"keys", "delete", "s", "pre-key", "--all", "--json"}).OutJson();
  EXPECT_EQ(deleted["deleted"], kMaxCommitOperations + 1);
  EXPECT_EQ(deleted["revision"], 4);
}

}  // namespace
}  // namespace authstate
