// A primary with a synchronous standby dies, and the standby takes its place.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/fault/fault_test.h"
#include "tests/support/postgres_pair.h"

namespace authstate::test {
namespace {

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kDeadlineExceeded = absl::StatusCode::kDeadlineExceeded;
constexpr auto kResourceExhausted = absl::StatusCode::kResourceExhausted;

class FailoverTest : public FaultTest {
 protected:
  void StartOnPair() {
    auto pair = PostgresPair::Create();
    ASSERT_TRUE(pair.ok()) << pair.status();
    pair_ = *std::move(pair);
    ASSERT_NO_FATAL_FAILURE(MakeTables(pair_->url()));
    ASSERT_NO_FATAL_FAILURE(StartServer(pair_->url()));
    StartLoad();
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
    const absl::Status waits = TestPostgres::AwaitAnswer(
        pair().primary().url(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "t");
    ASSERT_TRUE(waits.ok()) << waits;
    const absl::Status ended = TestPostgres::Run(
        pair().primary().url(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    ASSERT_TRUE(ended.ok()) << ended;
    load().AwaitFailed(1);
    ASSERT_NO_FATAL_FAILURE(FailOver());
    load().AwaitAcknowledged(1);
    ExpectRecovery({kUnavailable, kDeadlineExceeded, kResourceExhausted});
  }
}

}  // namespace
}  // namespace authstate::test
