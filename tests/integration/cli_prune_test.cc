// authstatectl session prune, against a real authstated on SQLite. That real Baileys goes on afterwards, is in
// tests/e2e/pruning.test.ts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/cli_test.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CliPruneTest : public CliTest {
 protected:
  // One key of every type that Baileys writes.
  void MakeSession(const std::string& session_id) {
    MustRun({"creds", "set", session_id, test::WorkingCreds()});
    for (const std::string type : {"app-state-sync-key", "app-state-sync-version", "device-list", "identity-key",
                                   "lid-mapping", "pre-key", "sender-key-memory", "tctoken"}) {
      MustRun({"keys", "set", session_id, type, "1", "1"});
    }
    MustRun({"keys", "set", session_id, "sender-key", "g@g.us::5511::0", "record", "--raw"});
    MustRun({"keys", "set", session_id, "sender-key-memory", "g@g.us", R"({"a":true})"});
    MustRun({"keys", "set", session_id, "session", "5511.0", Record(absl::InfinitePast())});
  }
  // A record of one Signal session that was used then.
  static std::string Record(absl::Time used) {
    const std::int64_t milliseconds = used == absl::InfinitePast() ? 1 : absl::ToUnixMillis(used);
    return absl::StrCat(R"({"_sessions":{"BQ==":{"indexInfo":{"used":)", milliseconds,
                        R"(,"created":1}}},"version":"v1"})");
  }
  // As if all keys had been written so many days ago.
  void Age(int days) { Sql(absl::StrCat("UPDATE auth_keys SET changed_at = changed_at - ", days, " * 86400000000")); }
  // Types and how many keys of each are there.
  nlohmann::json Types(const std::string& session_id) {
    nlohmann::json types = nlohmann::json::object();
    const nlohmann::json shown = Run({"session", "show", session_id, "--json"}).OutJson();
    for (const auto& type : shown["keys"]) {
      types[type["type"].get<std::string>()] = type["count"];
    }
    return types;
  }
};

TEST_F(CliPruneTest, WithoutTypesOnlyWhatIsSafeGoes) {
  MakeSession("s");
  const nlohmann::json before = Types("s");
  const CliResult dry = Run({"session", "prune", "s", "--dry-run"});
  EXPECT_EQ(dry.code, kOk) << dry.err;
  EXPECT_THAT(dry.out,
              AllOf(HasSubstr("would prune of session s: device-list 1 ("), HasSubstr("sender-key-memory 2 (")));
  EXPECT_EQ(Types("s"), before);
  const CliResult pruned = Run({"session", "prune", "s"});
  EXPECT_EQ(pruned.code, kOk) << pruned.err;
  nlohmann::json expected = before;
  expected.erase("device-list");
  expected.erase("sender-key-memory");
  EXPECT_EQ(Types("s"), expected);
  EXPECT_EQ(Lease("s")["owner"], "");
  EXPECT_EQ(Run({"session", "prune", "s"}).out, "pruned of session s: nothing\n");
}

TEST_F(CliPruneTest, YoungKeysStayWhereAnAgeIsGiven) {
  MakeSession("s");
  Age(31);
  MustRun({"keys", "set", "s", "device-list", "2", "1"});
  const nlohmann::json json = Run({"session", "prune", "s", "--older-than", "30d", "--json"}).OutJson();
  EXPECT_EQ(json["types"][0]["type"], "device-list");
  EXPECT_EQ(json["types"][0]["count"], 1);
  EXPECT_GT(json["types"][0]["bytes"], 0);
  EXPECT_EQ(Types("s")["device-list"], 1);
  EXPECT_EQ(Run({"keys", "get", "s", "device-list", "2"}).code, kOk);
}

TEST_F(CliPruneTest, KeysWhoseTimeIsNotKnownStay) {
  MakeSession("s");
  Sql("UPDATE auth_keys SET changed_at = NULL");
  EXPECT_EQ(Run({"session", "prune", "s", "--older-than", "1s"}).out, "pruned of session s: nothing\n");
}

TEST_F(CliPruneTest, WhatCannotBeMadeAnewIsRefusedByNameWithTheReason) {
  MakeSession("s");
  const nlohmann::json before = Types("s");
  for (const std::string type : {"app-state-sync-key", "app-state-sync-version", "identity-key", "lid-mapping",
                                 "pre-key", "tctoken", "unheard-of"}) {
    const CliResult refused = Run({"session", "prune", "s", "--type", type, "--older-than", "1s"});
    EXPECT_EQ(refused.code, kRefused) << type;
    EXPECT_THAT(refused.err, HasSubstr(absl::StrCat("--type ", type, ": "))) << type;
  }
  for (const std::string type : {"session", "sender-key"}) {
    const CliResult refused = Run({"session", "prune", "s", "--type", type});
    EXPECT_EQ(refused.code, kRefused) << type;
    EXPECT_THAT(refused.err, HasSubstr("needs --older-than")) << type;
  }
  EXPECT_EQ(Types("s"), before);
}

TEST_F(CliPruneTest, SignalSessionsGoWhenNeitherTheKeyNorTheRecordIsYoung) {
  MakeSession("s");
  MustRun({"keys", "set", "s", "session", "used-now.0", Record(absl::Now())});
  MustRun({"keys", "set", "s", "session", "unreadable.0", R"({"other":1})"});
  MustRun({"keys", "set", "s", "session", "untold.0", R"({"_sessions":{"BQ==":{}},"version":"v1"})"});
  Age(31);
  MustRun({"keys", "set", "s", "session", "changed-now.0", Record(absl::InfinitePast())});
  // Not by age alone.
  MustRun({"session", "prune", "s", "--older-than", "30d"});
  EXPECT_EQ(Types("s")["session"], 5);
  MustRun({"session", "prune", "s", "--older-than", "30d", "--type", "session"});
  EXPECT_EQ(Run({"keys", "get", "s", "session", "5511.0"}).code, kNotFound);
  EXPECT_EQ(Types("s")["session"], 4);
}

TEST_F(CliPruneTest, SenderKeysTakeTheMemoryOfTheirGroupAlong) {
  MakeSession("s");
  Age(31);
  MustRun({"keys", "set", "s", "sender-key", "young@g.us::5511::0", "record", "--raw"});
  MustRun({"keys", "set", "s", "sender-key-memory", "g@g.us", R"({"a":true})"});
  MustRun({"session", "prune", "s", "--older-than", "30d", "--type", "sender-key"});
  EXPECT_EQ(Run({"keys", "get", "s", "sender-key", "g@g.us::5511::0"}).code, kNotFound);
  EXPECT_EQ(Run({"keys", "get", "s", "sender-key-memory", "g@g.us"}).code, kNotFound);
  EXPECT_EQ(Run({"keys", "get", "s", "sender-key-memory", "1"}).code, kOk);
  EXPECT_EQ(Types("s")["sender-key"], 1);
}

TEST_F(CliPruneTest, OwnedSessionsAreRefusedAndTheOthersArePruned) {
  for (const std::string session_id : {"a", "b"}) MakeSession(session_id);
  (void)Acquire("a", "pool-1");
  EXPECT_EQ(Run({"session", "prune", "a"}).code, kRefused);
  const CliResult all = Run({"session", "prune", "--all"});
  EXPECT_EQ(all.code, kRefused);
  EXPECT_THAT(all.out, AllOf(HasSubstr("session a FAILED: "), HasSubstr("pruned 1 session; 1 failed\n"),
                             HasSubstr("pruned of all: device-list 1 (")));
  EXPECT_EQ(Types("a").count("device-list"), 1U);
  EXPECT_EQ(Types("b").count("device-list"), 0U);
  // Looking disturbs nobody, and what is done is not done again.
  EXPECT_EQ(Run({"session", "prune", "--all", "--dry-run"}).code, kOk);
  EXPECT_EQ(Lease("a")["owner"], "pool-1");
  const CliResult stolen = Run({"session", "prune", "--all", "--steal"});
  EXPECT_EQ(stolen.code, kOk) << stolen.err;
  EXPECT_THAT(stolen.out, HasSubstr("pruned 1 session; 1 needed nothing\n"));
  EXPECT_EQ(Types("a").count("device-list"), 0U);
}

TEST_F(CliPruneTest, WhatContradictsItselfIsRefused) {
  EXPECT_EQ(Run({"session", "prune"}).code, kRefused);
  EXPECT_EQ(Run({"session", "prune", "s", "--all"}).code, kUsage);
  EXPECT_EQ(Run({"session", "prune", "s", "--older-than", "30"}).code, kUsage);
  EXPECT_EQ(Run({"session", "prune", "absent"}).code, kNotFound);
}

}  // namespace
}  // namespace authstate
