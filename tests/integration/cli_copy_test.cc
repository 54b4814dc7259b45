// authstatectl session copy and rename, against a real authstated on SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "contract/limits.h"
#include "tests/integration/cli_test.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CliCopyTest : public CliTest {
 protected:
  static std::string PairedCreds() {
    return absl::StrReplaceAll(test::WorkingCreds(),
                               {{R"("me":"demo")", R"("me":{"id":"5511:1@s.whatsapp.net"},"account":{})"}});
  }
  // Session `a` with creds and two keys.
  void MakeSession(const std::string& creds = test::WorkingCreds()) {
    MustRun({"creds", "set", "a", creds});
    MustRun({"keys", "set", "a", "pre-key", "1", R"({"n":1})"});
    MustRun({"keys", "set", "a", "sender-key", "g@g.us::1::0", "bytes", "--raw"});
  }
  // All that a session keeps, values too.
  std::string StateOf(const std::string& session_id) {
    const std::string folder = directory_.File(absl::StrCat("state-", ++exports_));
    const CliResult exported = Run({"session", "export", session_id, folder, "--keys-only"});
    EXPECT_EQ(exported.code, kOk) << exported.err;
    return absl::StrCat(Run({"creds", "get", session_id}).out,
                        cli_->Bash(absl::StrCat("cd ", folder, " && head -c 9000000 -v *")).out);
  }

 private:
  int exports_ = 0;
};

TEST_F(CliCopyTest, CopyHoldsTheSameAndTheOriginalStays) {
  MakeSession();
  const std::string state = StateOf("a");
  const CliResult copied = Run({"session", "copy", "a", "b"});
  ASSERT_EQ(copied.code, kOk) << copied.err;
  EXPECT_EQ(copied.out,
            "copied creds and 2 keys of session a at revision 3 to session b at revision 1 in 1 commit; read back and "
            "equal\n");
  EXPECT_EQ(copied.err, "");
  EXPECT_EQ(StateOf("a"), state);
  EXPECT_EQ(StateOf("b"), state);
  EXPECT_EQ(Lease("b")["owner"], "");
}

TEST_F(CliCopyTest, CopyOfAPairedSessionWarnsThatOneAloneMayBeUsed) {
  MakeSession(PairedCreds());
  const CliResult copied = Run({"session", "copy", "a", "b"});
  EXPECT_EQ(copied.code, kOk) << copied.err;
  EXPECT_THAT(copied.err, HasSubstr("sessions a and b are one paired device now: open only one of them"));
  // Also when there is nothing left to do.
  EXPECT_THAT(Run({"session", "copy", "a", "b"}).err, HasSubstr("one paired device"));
  // After a rename there is one.
  EXPECT_THAT(Run({"session", "rename", "a", "c"}).err, Not(HasSubstr("one paired device")));
}

TEST_F(CliCopyTest, SessionWithSomethingElseIsReplacedOnlyOnRequest) {
  MakeSession();
  MustRun({"keys", "set", "b", "pre-key", "99", "{}"});
  for (const std::string command : {"copy", "rename"}) {
    const CliResult refused = Run({"session", command, "a", "b"});
    EXPECT_EQ(refused.code, kRefused);
    EXPECT_THAT(refused.err, HasSubstr("session b exists and holds something else; --replace"));
    EXPECT_EQ(Run({"keys", "get", "b", "pre-key", "99"}).code, kOk);
  }
  const std::string state = StateOf("a");
  EXPECT_EQ(Run({"session", "copy", "a", "b", "--replace"}).code, kOk);
  EXPECT_EQ(StateOf("b"), state);
}

TEST_F(CliCopyTest, CopyRunAgainWritesNothing) {
  MakeSession();
  MustRun({"session", "copy", "a", "b"});
  const CliResult again = Run({"session", "copy", "a", "b"});
  EXPECT_EQ(again.code, kOk) << again.err;
  EXPECT_EQ(again.out, "session b holds what session a holds already; nothing was written\n");
  EXPECT_EQ(Run({"session", "copy", "a", "b", "--json"}).OutJson()["revision"], 1);
}

TEST_F(CliCopyTest, KeysThatDifferOnlyInTheCredsAreSomethingElse) {
  MustRun({"keys", "set", "a", "pre-key", "1", "1"});
  MustRun({"session", "copy", "a", "b"});
  MustRun({"creds", "set", "b", test::WorkingCreds()});
  EXPECT_EQ(Run({"session", "copy", "a", "b"}).code, kRefused);
}

TEST_F(CliCopyTest, RenamedSessionIsUnderTheNewIdAlone) {
  MakeSession();
  const std::string state = StateOf("a");
  const CliResult renamed = Run({"session", "rename", "a", "b"});
  ASSERT_EQ(renamed.code, kOk) << renamed.err;
  EXPECT_THAT(renamed.out, HasSubstr("read back and equal; session a is deleted\n"));
  EXPECT_EQ(StateOf("b"), state);
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "b\n");
  for (const std::string session_id : {"a", "b"}) EXPECT_EQ(Lease(session_id)["owner"], "") << session_id;
  const CliResult again = Run({"session", "rename", "a", "b"});
  EXPECT_EQ(again.code, kNotFound);
  EXPECT_THAT(again.err, HasSubstr("session a does not exist; session b does"));
}

TEST_F(CliCopyTest, RenameThatEndedBeforeTheDeletionIsFinished) {
  MakeSession();
  MustRun({"session", "copy", "a", "b"});
  const CliResult finished = Run({"session", "rename", "a", "b"});
  EXPECT_EQ(finished.code, kOk) << finished.err;
  EXPECT_EQ(finished.out, "session b holds what session a holds already; session a is deleted\n");
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "b\n");
}

TEST_F(CliCopyTest, CopyThatEndedBetweenCommitsIsFinished) {
  MakeSession();
  MustRun({"keys", "set", "b", "import", "unfinished", R"("session a")"});
  MustRun({"keys", "set", "b", "pre-key", "99", "{}"});
  const CliResult of_another = Run({"session", "copy", "b", "c"});
  EXPECT_EQ(of_another.code, kRefused);
  EXPECT_THAT(of_another.err, HasSubstr("session b is an import that ended early"));
  const CliResult finished = Run({"session", "copy", "a", "b"});
  EXPECT_EQ(finished.code, kOk) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("finished what had ended early: copied"));
  EXPECT_EQ(StateOf("b"), StateOf("a"));
}

TEST_F(CliCopyTest, SessionLargerThanACommitIsCopiedInSeveral) {
  MakeSession();
  const std::string file = directory_.File("value");
  ASSERT_EQ(cli_->Bash(absl::StrCat("head -c ", kMaxValueBytes, " /dev/zero > ", file)).code, kOk);
  for (int i = 0; i < 5; ++i) {
    MustRun({"keys", "set", "a", "sender-key", absl::StrCat(i), absl::StrCat("@", file), "--raw"});
  }
  const CliResult copied = Run({"session", "copy", "a", "b", "--json"});
  EXPECT_EQ(copied.code, kOk) << copied.err;
  EXPECT_EQ(copied.OutJson()["commits"], 2);
  EXPECT_EQ(Run({"keys", "get", "b", "import", "unfinished"}).code, kNotFound);
  EXPECT_EQ(Run({"session", "copy", "a", "b", "--json"}).OutJson()["unchanged"], true);
}

TEST_F(CliCopyTest, OwnersAreRespectedUnlessStolenFrom) {
  MakeSession();
  (void)Acquire("a", "pool-1");
  EXPECT_EQ(Run({"session", "rename", "a", "b"}).code, kRefused);
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "a\n");
  // Reading disturbs no owner.
  EXPECT_EQ(Run({"session", "copy", "a", "b"}).code, kOk);
  EXPECT_EQ(Lease("a")["owner"], "pool-1");
  (void)Acquire("b", "pool-2");
  const CliResult refused = Run({"session", "copy", "a", "b", "--replace"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("pool-2"), HasSubstr("--steal takes it")));
  EXPECT_EQ(Run({"session", "rename", "a", "b", "--replace", "--steal"}).code, kOk);
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "b\n");
}

TEST_F(CliCopyTest, NamesThatCannotBeAreRefused) {
  MakeSession();
  EXPECT_EQ(Run({"session", "copy", "a", "a"}).code, kRefused);
  EXPECT_EQ(Run({"session", "copy", "absent", "b"}).code, kNotFound);
  EXPECT_EQ(Run({"session", "rename", "a", "not an id"}).code, kRefused);
  EXPECT_EQ(Run({"session", "copy", "a"}).code, kUsage);
  EXPECT_EQ(Run({"session", "list", "-q"}).out, "a\n");
}

}  // namespace
}  // namespace authstate
