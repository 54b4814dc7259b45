// What a bad network does to the connections between authstated and PostgreSQL.
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "tests/fault/fault_test.h"

namespace authstate::test {
namespace {

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kDeadlineExceeded = absl::StatusCode::kDeadlineExceeded;
constexpr auto kResourceExhausted = absl::StatusCode::kResourceExhausted;

class NetworkFaultTest : public FaultTest {
 protected:
  // Into and out of a black hole.
  void Swallow(const std::vector<Direction>& directions) {
    ASSERT_NO_FATAL_FAILURE(StartAll());
    for (int i = 0; i < Repeats(1); ++i) {
      for (const Direction direction : directions) proxy().Hold(direction);
      AwaitHealth(false);
      load().AwaitFailed(2);
      proxy().Resume();
      AwaitHealth(true);
      load().AwaitAcknowledged(1);
    }
    ExpectRecovery({kUnavailable, kDeadlineExceeded, kResourceExhausted});
  }
};

TEST_F(NetworkFaultTest, BlackHoleTowardsTheDatabaseLosesNothing) { Swallow({Direction::kToServer}); }

TEST_F(NetworkFaultTest, BlackHoleTowardsTheServerLosesNothing) { Swallow({Direction::kToClient}); }

TEST_F(NetworkFaultTest, BlackHoleBothWaysLosesNothing) { Swallow({Direction::kToServer, Direction::kToClient}); }

TEST_F(NetworkFaultTest, HalfOpenConnectionsAreThrownAway) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int i = 0; i < Repeats(3); ++i) {
    proxy().AbandonClients();
    load().AwaitAcknowledged(1);
  }
  ExpectRecovery({kUnavailable, kDeadlineExceeded, kResourceExhausted});
}

TEST_F(NetworkFaultTest, ResetsUnderLoadLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int i = 0; i < Repeats(8); ++i) {
    proxy().ResetAll();
    load().AwaitAcknowledged(1);
  }
  ExpectRecovery({kUnavailable, kDeadlineExceeded});
}

TEST_F(NetworkFaultTest, ResetsAtAnyByteLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  std::mt19937_64 random(testing::UnitTest::GetInstance()->random_seed());
  constexpr std::size_t kBytes = 20'000;
  std::uniform_int_distribution<std::size_t> bytes(1, kBytes);
  for (int i = 0; i < Repeats(10); ++i) {
    for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
      proxy().ResetAfterBytes(direction, bytes(random));
      const absl::Status fired = proxy().AwaitFired(absl::Minutes(1));
      ASSERT_TRUE(fired.ok()) << fired;
    }
  }
  ExpectRecovery({kUnavailable, kDeadlineExceeded});
}

TEST_F(NetworkFaultTest, LatencyFailsNothing) {
  ASSERT_NO_FATAL_FAILURE(StartPostgres());
  proxy().SetDelay(absl::Milliseconds(100));  // 200 ms there and back
  ASSERT_NO_FATAL_FAILURE(StartServer());
  Load::Options options;
  options.deadline = absl::Seconds(30);
  StartLoad(options);
  load().AwaitAcknowledged(static_cast<std::uint64_t>(Repeats(2)));
  ExpectRecovery({});
}

// The few bytes of a sign of life, on a connection of its own, still come through.
TEST_F(NetworkFaultTest, TrickleEndsCallsByTheirDeadline) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int i = 0; i < Repeats(1); ++i) {
    constexpr std::size_t kBytesPerSecond = 200;
    proxy().SetRate(kBytesPerSecond);
    load().AwaitFailed(2);
    proxy().Resume();
    load().AwaitAcknowledged(1);
  }
  ExpectRecovery({kUnavailable, kDeadlineExceeded, kResourceExhausted});
}

struct Cut {
  std::string name;
  StatementFault::Moment moment;
  StatementFault::Effect effect;
};

class StatementFaultTest : public FaultTest, public testing::WithParamInterface<Cut> {};

TEST_P(StatementFaultTest, OutcomeIsNeverWrong) {
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int i = 0; i < Repeats(2); ++i) {
    // The part of a commit's statement that decides which of its members pass.
    proxy().Arm({"passed AS", GetParam().moment, GetParam().effect});
    const absl::Status fired = proxy().AwaitFired(absl::Minutes(1));
    ASSERT_TRUE(fired.ok()) << fired;
    load().AwaitAcknowledged(1);
    // What was swallowed arrives now, long after its caller was answered.
    if (GetParam().effect == StatementFault::Effect::kSilence) proxy().Resume();
  }
  ExpectRecovery({kUnavailable, kDeadlineExceeded});
}

INSTANTIATE_TEST_SUITE_P(
    AtACommit, StatementFaultTest,
    testing::Values(Cut{"ResetBefore", StatementFault::Moment::kBefore, StatementFault::Effect::kReset},
                    Cut{"ResetInTheMiddle", StatementFault::Moment::kMiddle, StatementFault::Effect::kReset},
                    Cut{"ResetBeforeTheReply", StatementFault::Moment::kReply, StatementFault::Effect::kReset},
                    Cut{"SilenceBefore", StatementFault::Moment::kBefore, StatementFault::Effect::kSilence},
                    Cut{"SilenceInTheMiddle", StatementFault::Moment::kMiddle, StatementFault::Effect::kSilence},
                    Cut{"SilenceBeforeTheReply", StatementFault::Moment::kReply, StatementFault::Effect::kSilence}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace authstate::test
