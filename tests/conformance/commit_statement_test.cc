// Each of the statements that apply a commit, when it gets no answer and when it waits for another.
#include <gtest/gtest.h>

#include <cstdint>
#include <pqxx/pqxx>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "tests/conformance/commit_resolution_test.h"

namespace authstate::storage {
namespace {

// The statements that apply a commit to a session which has a row.
struct Form {
  const char* name;
  const char* sql;
  // Makes a commit that sets keys one which needs this statement.
  void (*widen)(Commit& commit);
  // What makes it wait once it has its snapshot and the time, and before it comes to the session's row.
  const char* gate;
};

constexpr char kGateBeforeUpdate[] =
    "CREATE TRIGGER wait_at_gate BEFORE UPDATE ON authstate.auth_sessions FOR EACH STATEMENT "
    "WHEN (current_query() LIKE '%UPDATE authstate.auth_sessions s%') EXECUTE FUNCTION wait_at_gate()";
constexpr Form kAny = {"Any", kCommitSql, [](Commit& commit) { commit.clear_keys = true; },
                       "CREATE TRIGGER wait_at_gate BEFORE INSERT ON authstate.auth_sessions FOR EACH ROW "
                       "WHEN (NEW.recent_ids[1] = 2) EXECUTE FUNCTION wait_at_gate()"};
constexpr Form kWrites = {"Writes", kCommitWritesSql,
                          [](Commit& commit) {
                            commit.creds = Value{ValueKind::kJson, "{}"};
                          },
                          kGateBeforeUpdate};
constexpr Form kSets = {"Sets", kCommitSetsSql, [](Commit&) {}, kGateBeforeUpdate};

std::string NameOf(const testing::TestParamInfo<Form>& form) { return form.param.name; }

class CommitStatementTest : public CommitResolutionTest, public testing::WithParamInterface<Form> {
 protected:
  static Commit Write(std::uint64_t id) {
    Commit commit = SetKey(id);
    GetParam().widen(commit);
    return commit;
  }
};
class DeletingStatementTest : public CommitStatementTest {};

INSTANTIATE_TEST_SUITE_P(Forms, CommitStatementTest, testing::Values(kAny, kWrites, kSets), NameOf);
INSTANTIATE_TEST_SUITE_P(Forms, DeletingStatementTest, testing::Values(kAny, kWrites), NameOf);

// A commit goes by the statement for what it does, and its outcome is found by it.
TEST_P(CommitStatementTest, WhoseReplyIsLostIsAppliedOnce) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  Arm(GetParam().sql, Moment::kReply, Effect::kReset);
  const auto applied = Apply(backend(), Write(2));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  EXPECT_EQ(Session().revision, 2U);
}

// The statement has locked the row when its connection is lost: it goes on in the database, unheard. Until it is done,
// the resolution finds the row locked, and keeps the only connection from nobody.
TEST_P(CommitStatementTest, ThatGoesOnUnheardIsAwaitedAndFound) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  Reopen(kPatience, /*connections=*/2);
  MakeGate(
      "CREATE TRIGGER wait_at_gate AFTER UPDATE ON authstate.auth_sessions FOR EACH ROW "
      "WHEN (NEW.session_id = 's' AND NEW.revision = 2) EXECUTE FUNCTION wait_at_gate()");
  Answer<Results> answer;
  Start(backend(), Write(2), answer);
  AwaitDriversStatement(absl::StrCat("wait_event = 'PgSleep' AND ", kIsCommit));
  proxy().ResetAll();
  AwaitDriversStatement(absl::StrCat("wait_event_type = 'Lock' AND ", kIsResolve));
  for (std::uint64_t id = 10; id < 20; ++id) {
    Commit other = SetKey(id);
    other.session_id = "other";
    const auto applied = Apply(backend(), std::move(other));
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
  EXPECT_EQ(answer.calls(), 0);
  Sql("DELETE FROM gate");
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 2U);
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 2U);
}

// Its snapshot has nothing of what it waited for, and so would not have deleted it.
TEST_P(DeletingStatementTest, ThatWaitedForAnotherDeletesWhatThatWrote) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  pqxx::connection connection(url());
  pqxx::work other(connection);
  other.exec("UPDATE authstate.auth_sessions SET revision = revision + 1");
  other.exec(
      "INSERT INTO authstate.auth_keys (session_id, key_type, key_id, kind, value) "
      "SELECT session_id, key_type, 'late', kind, value FROM authstate.auth_keys");
  Commit deletion = Write(2);
  deletion.deletes = {{"t", "late"}};
  Answer<Results> answer;
  Start(neighbour(), deletion, answer);
  AwaitDriversStatement(absl::StrCat("wait_event_type = 'Lock' AND ", kIsCommit));
  other.commit();
  const auto applied = answer.Await().front();
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision, 3U);
  EXPECT_FALSE(Session({{"t", "late"}}).values.front().has_value());
}

// A statement that has its snapshot, and stays in a trigger before it comes to the session's row, is the last that
// could apply a commit of which its caller was told that it was not applied.
TEST_P(CommitStatementTest, ThatGoesOnUnheardIsShutOut) {
  ASSERT_TRUE(Apply(neighbour(), SetKey(1)).ok());
  Reopen(kPatience);
  MakeGate(GetParam().gate);
  Answer<Results> answer;
  Start(backend(), Write(2), answer);
  // Each attempt of the driver is cut off as soon as it is at the gate, until the driver gives up.
  int unheard = 0;
  while (answer.calls() == 0) {
    const absl::Status another = HasRow(absl::StrCat("WHERE (SELECT count(*) FROM pg_stat_activity WHERE ",
                                                     kDriversStatement, " AND wait_event = 'PgSleep') > ", unheard));
    if (another.ok()) {
      ++unheard;
      proxy().ResetAll();
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_GT(unheard, 1);
  const auto applied = answer.Await().front();
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kUnavailable) << applied.status();
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kNotApplied);
  Sql("DELETE FROM gate");
  AwaitNoDriversStatement();
  EXPECT_EQ(Session().revision, 1U);
}

TEST_P(CommitStatementTest, ThatArrivesAfterAllIsRefused) {
  ASSERT_TRUE(Apply(backend(), SetKey(1)).ok());
  Arm(GetParam().sql, Moment::kBefore, Effect::kSilence);
  const auto applied = Apply(backend(), Write(2));
  AwaitFired();
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_EQ(applied->revision, 2U);
  // So many others that the id would not give it away any more, and a deletion that it would undo.
  for (std::uint64_t id = 3; id < 3 + kRecentCommits; ++id) ASSERT_TRUE(Apply(neighbour(), SetKey(id)).ok());
  Commit deletion;
  deletion.session_id = "s";
  deletion.deletes = {{"t", "2"}};
  ASSERT_TRUE(Apply(neighbour(), deletion).ok());
  const ReadResult before = Session();

  proxy().Resume();
  AwaitNoDriversStatement();
  EXPECT_TRUE(Apply(backend(), SetKey(100)).ok());
  const ReadResult after = Session({{"t", "2"}});
  EXPECT_EQ(after.revision, before.revision + 1);
  EXPECT_FALSE(after.values.front().has_value());
}

}  // namespace
}  // namespace authstate::storage
