// authstatectl session list: filters, orders and columns, against a real authstated on SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/cli_test.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class CliListTest : public CliTest {
 protected:
  // `bot` is paired and `new` is not; `idle` and `lost`, the largest, have keys alone and were not written for long.
  // Only these can be made old by SQL: a row that it has changed is damaged to whoever reads the creds of its session.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CliTest::SetUp());
    MustRun({"creds", "set", "bot",
             absl::StrReplaceAll(test::WorkingCreds(),
                                 {{R"("me":"demo")", R"("me":{"id":"5511:1@s.whatsapp.net"},"account":{})"}})});
    MustRun({"creds", "set", "new", absl::StrReplaceAll(test::WorkingCreds(), {{R"(,"me":"demo")", ""}})});
    MustRun({"keys", "set", "idle", "lid-mapping", "1", R"("2")"});
    std::string noise;
    for (int i = 0; i < 4000; ++i) absl::StrAppend(&noise, absl::Hex(i * 2654435761U));
    MustRun({"keys", "set", "lost", "sender-key", "1", noise, "--raw"});
    Sql("UPDATE auth_sessions SET updated_at = updated_at - 40 * 86400000000 WHERE session_id = 'lost'");
    Sql("UPDATE auth_sessions SET updated_at = updated_at - 31 * 86400000000 WHERE session_id = 'idle'");
  }

  std::string Ids(std::vector<std::string> options) {
    options.insert(options.begin(), {"session", "list", "--quiet"});
    const CliResult result = Run(std::move(options));
    EXPECT_EQ(result.code, kOk) << result.err;
    return absl::StrReplaceAll(result.out, {{"\n", " "}});
  }
};

TEST_F(CliListTest, SessionsAreFiltered) {
  EXPECT_EQ(Ids({}), "bot idle lost new ");
  EXPECT_EQ(Ids({"--stale", "30d"}), "idle lost ");
  EXPECT_EQ(Ids({"--stale", "35d"}), "lost ");
  EXPECT_EQ(Ids({"--no-creds"}), "idle lost ");
  EXPECT_EQ(Ids({"--state", "paired,unpaired"}), "bot new ");
  EXPECT_EQ(Ids({"--state", "orphaned", "--stale", "35d"}), "lost ");
}

TEST_F(CliListTest, SessionsAreSorted) {
  EXPECT_EQ(Ids({"--sort", "age"}), "lost idle bot new ");
  EXPECT_EQ(Ids({"--sort", "size"}), "lost bot new idle ");
  EXPECT_EQ(Ids({"--sort", "size", "--stale", "30d"}), "lost idle ");
}

TEST_F(CliListTest, ColumnsThatCostAreShownOnRequest) {
  EXPECT_THAT(Run({"session", "list"}).out, MatchesRegex("SESSION +REVISION +CREDS +KEYS +UPDATED +OWNER\n(.|\n)*"));
  const CliResult all = Run({"session", "list", "--long"});
  EXPECT_THAT(all.out, MatchesRegex("SESSION +REVISION +CREDS +KEYS +UPDATED +STATE +SIZE +AGE +OWNER\n"
                                    "bot .* paired +[0-9]+ +[0-9]+s +-\n"
                                    "idle .* orphaned +[0-9]+ +31d +-\n"
                                    "lost .* orphaned +[0-9]+ +40d +-\n"
                                    "new .* unpaired +[0-9]+ +[0-9]+s +-\n"));
  EXPECT_THAT(Run({"session", "list", "--sort", "size"}).out, HasSubstr("  SIZE  "));
  EXPECT_THAT(Run({"session", "list", "--state", "paired"}).out, HasSubstr("  STATE   "));
}

TEST_F(CliListTest, JsonHasWhatWasAskedFor) {
  const nlohmann::json plain = Sessions()[0];
  EXPECT_EQ(plain.count("state") + plain.count("stored_bytes"), 0U);
  const nlohmann::json all = Run({"session", "list", "--long", "--json"}).OutJson()["sessions"];
  EXPECT_EQ(all[0]["state"], "paired");
  EXPECT_GT(all[2]["stored_bytes"], all[3]["stored_bytes"]);
}

TEST_F(CliListTest, WhatIsNoFilterIsRefused) {
  const CliResult state = Run({"session", "list", "--state", "happy"});
  EXPECT_EQ(state.code, kRefused);
  EXPECT_THAT(state.err, HasSubstr("--state: one of paired, "));
  EXPECT_EQ(Run({"session", "list", "--stale", "30"}).code, kUsage);
  EXPECT_EQ(Run({"session", "list", "--sort", "name"}).code, kUsage);
}

}  // namespace
}  // namespace authstate
