// A primary with a synchronous standby dies, and the standby takes its place.
#include <future>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/fault/fault_test.h"
#include "tests/fault/postgres_pair.h"

namespace authstate::test {
namespace {

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kDeadlineExceeded = absl::StatusCode::kDeadlineExceeded;
constexpr auto kResourceExhausted = absl::StatusCode::kResourceExhausted;

constexpr char kWaitsForStandby[] = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

class FailoverTest : public FaultTest {
 protected:
  void StartServerOnPair() {
    auto pair = PostgresPair::Create();
    ASSERT_TRUE(pair.ok()) << pair.status();
    pair_ = *std::move(pair);
    ASSERT_NO_FATAL_FAILURE(MakeTables(pair_->url()));
    StartServer(pair_->url());
  }
  void StartOnPair() {
    ASSERT_NO_FATAL_FAILURE(StartServerOnPair());
    StartLoad();
  }

  // `sql` answers `t` on the primary.
  void AwaitOnPrimary(const std::string& sql) {
    const absl::Status status = TestPostgres::AwaitAnswer(pair_->primary().url(), sql, "t");
    ASSERT_TRUE(status.ok()) << status;
  }

  void FailOver() {
    const absl::Status off = pair_->primary().PowerOff();
    ASSERT_TRUE(off.ok()) << off;
    const absl::Time died = absl::Now();
    const absl::Status promoted = pair_->Promote();
    ASSERT_TRUE(promoted.ok()) << promoted;
    Report(absl::StrCat("promoted ", absl::FormatDuration(absl::Trunc(absl::Now() - died, absl::Milliseconds(1))),
                        " after the primary died"));
  }

  PostgresPair& pair() { return *pair_; }

 private:
  std::unique_ptr<PostgresPair> pair_;
};

TEST_F(FailoverTest, NothingAcknowledgedIsLostAndServiceResumesByItself) {
  for (int i = 0; i < Repeats(1); ++i) {
    ASSERT_NO_FATAL_FAILURE(StartOnPair());
    ASSERT_NO_FATAL_FAILURE(FailOver());
    load().AwaitAcknowledged(1);
    ExpectRecovery({kUnavailable, kDeadlineExceeded});
  }
}

// While the standby cannot be reached, the primary makes commits durable for itself and acknowledges none.
TEST_F(FailoverTest, CommitsThatWaitedForTheStandbyAreInDoubt) {
  for (int i = 0; i < Repeats(1); ++i) {
    ASSERT_NO_FATAL_FAILURE(StartOnPair());
    pair().replication().Hold(Direction::kToClient);
    load().AwaitFailed(1);
    ASSERT_NO_FATAL_FAILURE(FailOver());
    load().AwaitAcknowledged(1);
    ExpectRecovery({kUnavailable, kDeadlineExceeded, kResourceExhausted});
    EXPECT_GT(load().tally().unknown, 0U);
  }
}

// The backend of a commit that waits for the standby is ended: it is durable on the primary, and nobody knows more.
TEST_F(FailoverTest, WaitsForTheStandbyThatAreEndedAreInDoubt) {
  for (int i = 0; i < Repeats(1); ++i) {
    ASSERT_NO_FATAL_FAILURE(StartOnPair());
    pair().replication().Hold(Direction::kToClient);
    ASSERT_NO_FATAL_FAILURE(AwaitOnPrimary(kWaitsForStandby));
    const absl::Status ended = TestPostgres::Run(
        pair().primary().url(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    ASSERT_TRUE(ended.ok()) << ended;
    load().AwaitFailed(1);
    ASSERT_NO_FATAL_FAILURE(FailOver());
    load().AwaitAcknowledged(1);
    ExpectRecovery({kUnavailable, kDeadlineExceeded, kResourceExhausted});
  }
}

// A commit that is sent again is found on the primary, which may not have told the standby of it. The one that is
// acknowledged in the end is on the standby, or was applied there.
TEST_F(FailoverTest, CommitThatWasFoundAndDiesWithThePrimaryIsAppliedAgain) {
  ASSERT_NO_FATAL_FAILURE(StartServerOnPair());
  pair().replication().Hold(Direction::kToClient);
  client::CommitRequest commit;
  commit.session_id = "s";
  commit.creds = Value{ValueKind::kJson, "{}"};
  commit.commit_id = 7;
  client::ClientOptions options;
  options.address = server().address();
  options.patience = absl::ZeroDuration();
  options.deadline = absl::Seconds(2);
  const auto first = client::Client(options).Commit(commit);
  ASSERT_EQ(client::OutcomeOf(first.status()), client::Outcome::kUnknown) << first.status();
  ASSERT_NO_FATAL_FAILURE(
      AwaitOnPrimary("SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"));

  options.deadline = absl::Minutes(1);
  client::Client client(options);
  auto again = std::async(std::launch::async, [&client, &commit] { return client.Commit(commit); });
  ASSERT_NO_FATAL_FAILURE(AwaitOnPrimary(kWaitsForStandby));
  ASSERT_NO_FATAL_FAILURE(FailOver());
  const auto revision = again.get();
  ASSERT_TRUE(revision.ok()) << revision.status();
  const auto creds = client.GetCreds("s");
  ASSERT_TRUE(creds.ok()) << creds.status();
  EXPECT_EQ(creds->revision, *revision);
}

}  // namespace
}  // namespace authstate::test
