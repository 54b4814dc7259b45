// The completion scripts of authstatectl, in real shells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/cli_test.h"

namespace authstate {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class CliCompletionTest : public CliTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CliTest::SetUp());
    for (const std::string session_id : {"sales", "support", "a:b@c:1", "a:b@c:2"}) {
      ASSERT_EQ(cli_->Run({"creds", "set", session_id, "{}"}).code, 0);
    }
  }

  static std::vector<std::string> Lines(const std::string& text) {
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }

  // What bash offers at the end of `line`. `last_word` is what bash itself takes for the word under the cursor, having
  // split the line at COMP_WORDBREAKS.
  std::vector<std::string> InBash(const std::string& line, const std::string& last_word) {
    constexpr absl::string_view kComplete = R"sh(
      set -u
      source <(authstatectl completion bash)
      COMP_POINT=${#COMP_LINE} COMP_WORDBREAKS=$' \t\n"\'><=;|&(:@' COMPREPLY=()
      _authstatectl authstatectl "$last_word" previous
      printf '%s\n' "${COMPREPLY[@]}")sh";
    const CliResult result = cli_->Bash(
        absl::StrCat("cd ", directory_.path(), "; COMP_LINE='", line, "' last_word='", last_word, "'", kComplete));
    EXPECT_EQ(result.err, "");
    return Lines(result.out);
  }
};

TEST_F(CliCompletionTest, BashKnowsTheScript) {
  const CliResult result = cli_->Bash("source <(authstatectl completion bash); complete -p authstatectl");
  EXPECT_EQ(result.out, "complete -F _authstatectl authstatectl\n");
}

TEST_F(CliCompletionTest, BashCompletesCommands) {
  EXPECT_THAT(InBash("authstatectl ", ""),
              UnorderedElementsAre("session", "creds", "keys", "lease", "server", "top", "token", "keyring", "schema",
                                   "store", "tables", "cutover", "decommission", "backup", "legacy", "backend",
                                   "maintenance", "home", "write-behind", "completion"));
  EXPECT_THAT(InBash("authstatectl session ex", "ex"), ElementsAre("export"));
  EXPECT_THAT(InBash("authstatectl maintenance ", ""), UnorderedElementsAre("on", "off", "status"));
  EXPECT_THAT(InBash("authstatectl cutover ", ""), UnorderedElementsAre("check", "rehearse"));
  EXPECT_THAT(InBash("authstatectl decommission ", ""), UnorderedElementsAre("watch", "status"));
  EXPECT_THAT(InBash("authstatectl backend ", ""), UnorderedElementsAre("status", "switch", "sync"));
  EXPECT_THAT(InBash("authstatectl store ", ""), UnorderedElementsAre("copy", "verify"));
  EXPECT_THAT(InBash("authstatectl --json session sh", "sh"), ElementsAre("show"));
}

TEST_F(CliCompletionTest, BashCompletesOptions) {
  EXPECT_THAT(InBash("authstatectl session delete --y", "--y"), ElementsAre("--yes"));
  EXPECT_THAT(InBash("authstatectl session delete --", "--"), Contains("--timeout"));
}

TEST_F(CliCompletionTest, BashCompletesSessionIdsOfTheServer) {
  EXPECT_THAT(InBash("authstatectl session show s", "s"), ElementsAre("sales", "support"));
  EXPECT_THAT(InBash("authstatectl keys get sa", "sa"), ElementsAre("sales"));
}

TEST_F(CliCompletionTest, BashCompletesSessionIdsThatItSplits) {
  EXPECT_THAT(InBash("authstatectl session show a:b@c:", ":"), ElementsAre("1", "2"));
  EXPECT_THAT(InBash("authstatectl session show a:b@", "@"), ElementsAre("c:1", "c:2"));
}

TEST_F(CliCompletionTest, BashCompletesFoldersAndKeyTypes) {
  ASSERT_EQ(cli_->Bash(absl::StrCat("mkdir ", directory_.File("backup"))).code, 0);
  EXPECT_THAT(InBash("authstatectl session export sales ba", "ba"), ElementsAre("backup"));
  EXPECT_THAT(InBash("authstatectl keys list sales pre", "pre"), ElementsAre("pre-key"));
}

TEST_F(CliCompletionTest, AddressInTheLineIsAsked) {
  EXPECT_THAT(InBash("authstatectl --address unix:/nonexistent session show s", "s"), IsEmpty());
}

TEST_F(CliCompletionTest, CompletionIsSilentWithoutAServer) {
  ASSERT_TRUE(server_->Kill().ok());
  EXPECT_THAT(InBash("authstatectl session show s", "s"), IsEmpty());
}

TEST_F(CliCompletionTest, ZshCompletes) {
  if (cli_->Bash("command -v zsh").code != 0) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << "CI requires zsh; ./dev deps installs it";
    GTEST_SKIP() << "no zsh in PATH";
  }
  // The functions of zsh's own completion system stand in for the terminal.
  const auto in_zsh = [this](const std::string& words) {
    const CliResult result = cli_->Bash(absl::StrCat(
        "zsh -f -c 'compdef() { : }; compadd() { shift; print -rl -- \"$@\" }; _files() { print -r -- ${1:-FILES} }; "
        "source <(authstatectl completion zsh); words=(",
        words, "); CURRENT=${#words}; _authstatectl'"));
    EXPECT_EQ(result.err, "");
    return Lines(result.out);
  };
  EXPECT_THAT(in_zsh("authstatectl session ex"), ElementsAre("export"));
  EXPECT_THAT(in_zsh("authstatectl session show \"\""), ElementsAre("a:b@c:1", "a:b@c:2", "sales", "support"));
  EXPECT_THAT(in_zsh("authstatectl session export sales \"\""), ElementsAre("-/"));
  EXPECT_THAT(in_zsh("authstatectl session import sales \"\""), ElementsAre("FILES"));
  EXPECT_THAT(in_zsh("authstatectl session show none"), IsEmpty());
}

}  // namespace
}  // namespace authstate
