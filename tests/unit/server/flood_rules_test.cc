#include "server/connections/flood_rules.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "contract/limits.h"

namespace authstate::server {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr absl::Duration kLook = absl::Milliseconds(100);

class FloodRulesTest : public testing::Test {
 protected:
  // So much later, with what `counters_` has by then.
  std::string After(absl::Duration duration) {
    now_ += duration;
    usage_.processor_time += duration;
    return std::string(rules_.Judge(counters_, usage_, now_));
  }
  // The same after a look's time and so many bytes more.
  std::string AfterBytes(std::uint64_t bytes) {
    counters_.tcp.bytes_read += bytes;
    return After(kLook);
  }
  std::string WhileMemoryGrows() const { return std::string(rules_.JudgeWhileMemoryGrows(now_)); }

  absl::Time now_ = absl::UnixEpoch();
  FloodRules rules_{now_, Framing::kPlain};
  ConnectionCounters counters_;
  ProcessUsage usage_{absl::ZeroDuration(), 1'000 * kMiB, 0};
};

TEST_F(FloodRulesTest, FiveThousandOpenStreamsAreNotTooMany) {
  counters_.streams = {6'000, 700, 300, 0};
  EXPECT_EQ(After(kLook), "");
  ++counters_.streams.begun;
  EXPECT_EQ(After(kLook), "too many open streams");
}

TEST_F(FloodRulesTest, FourThousandStreamsMayFailAtOnce) {
  counters_.streams = {4'000, 0, 4'000, 0};
  EXPECT_EQ(After(absl::ZeroDuration()), "");
  ++counters_.streams.failed;
  EXPECT_EQ(After(absl::ZeroDuration()), "too many streams were reset or refused");
}

TEST_F(FloodRulesTest, TwoHundredStreamsASecondMayFailForEver) {
  counters_.streams.failed = 4'000;
  EXPECT_EQ(After(absl::ZeroDuration()), "");
  for (int second = 0; second < 100; ++second) {
    counters_.streams.failed += 200;
    ASSERT_EQ(After(absl::Seconds(1)), "") << second;
  }
  counters_.streams.failed += 201;
  EXPECT_EQ(After(absl::Seconds(1)), "too many streams were reset or refused");
}

TEST_F(FloodRulesTest, WhatHasNotFailedIsNotSavedUp) {
  EXPECT_EQ(After(absl::Hours(1)), "");
  counters_.streams.failed = 4'001;
  EXPECT_EQ(After(absl::ZeroDuration()), "too many streams were reset or refused");
}

// A call that a client cancels after it was received.
TEST_F(FloodRulesTest, StreamsThatHadAMessageMayFail) {
  counters_.streams = {100'000, 0, 100'000, 100'000};
  EXPECT_EQ(After(kLook), "");
}

TEST_F(FloodRulesTest, CountersOfAnEarlierConnectionFromTheSamePortAreNoFlood) {
  counters_.streams = {2'000, 0, 2'000, 0};
  EXPECT_EQ(After(kLook), "");
  counters_.streams = {1, 0, 0, 0};
  EXPECT_EQ(After(kLook), "");
}

TEST_F(FloodRulesTest, FourMessagesAtTheirLimitMayComeWithoutOneThatIsComplete) {
  ++counters_.tcp.segments_sent;
  EXPECT_EQ(AfterBytes(4 * kMaxMessageBytes), "");
  ++counters_.tcp.segments_sent;
  EXPECT_EQ(AfterBytes(1), "too much without a message");
}

TEST_F(FloodRulesTest, ThreeMessagesAtTheirLimitMayBeUnfinished) {
  counters_.streams.begun = 3;
  ++counters_.tcp.segments_sent;
  EXPECT_EQ(AfterBytes(3 * kMaxMessageBytes), "");
  ++counters_.tcp.segments_sent;
  EXPECT_EQ(AfterBytes(1), "too much in messages that are not complete");
}

TEST_F(FloodRulesTest, ASmallMessageNowAndThenExcusesNoneThatIsUnfinished) {
  counters_.streams.begun = 1;
  std::string reason;
  for (int look = 0; look < 200 && reason.empty(); ++look) {
    ++counters_.streams.begun;
    ++counters_.streams.answered;
    ++counters_.streams.messages;
    counters_.message_bytes += 10;
    reason = AfterBytes(kMiB);
  }
  EXPECT_EQ(reason, "too much in messages that are not complete");
  EXPECT_EQ(counters_.tcp.bytes_read, 3 * kMaxMessageBytes + kMiB);
}

// Frames of 16 KiB and the headers of a call are beside what handlers receive.
TEST_F(FloodRulesTest, MessagesThatHandlersReceiveAreNotUnfinished) {
  constexpr std::uint64_t kFrames = 640;
  counters_.streams.begun = 1;
  for (int look = 0; look < 1'000; ++look) {
    ++counters_.streams.messages;
    counters_.message_bytes += 10 * kMiB;
    ASSERT_EQ(AfterBytes(10 * kMiB + kFrames * 9 + 100), "") << look;
  }
  EXPECT_EQ(rules_.unfinished_bytes(), 0U);
}

TEST_F(FloodRulesTest, SmallCallsForEverAreNotUnfinished) {
  counters_.streams.begun = 1;
  for (int look = 0; look < 10'000; ++look) {
    counters_.streams.messages += 5'000;
    counters_.message_bytes += std::uint64_t{5'000} * 10;
    ASSERT_EQ(AfterBytes(std::uint64_t{5'000} * 130), "") << look;
  }
}

// A pool's stream stays open for ever, and calls beside it may be given up in the middle of a message.
TEST_F(FloodRulesTest, MessagesThatWereGivenUpAreCountedNoLongerThanMemoryCanHoldThem) {
  counters_.streams.begun = 1;
  usage_.memory = 100 * kMiB;
  for (int look = 0; look < 100; ++look) {
    ++counters_.streams.begun;
    ++counters_.streams.failed;
    ++counters_.tcp.segments_sent;
    if (look % 10 == 9) ++counters_.streams.messages;
    ASSERT_EQ(AfterBytes(20 * kMiB), "") << look;
  }
  EXPECT_EQ(rules_.unfinished_bytes(), 100 * kMiB);
}

TEST_F(FloodRulesTest, NothingIsUnfinishedWithoutAnOpenStream) {
  counters_.streams.begun = 1;
  EXPECT_EQ(AfterBytes(50 * kMiB), "");
  EXPECT_EQ(rules_.unfinished_bytes(), 50 * kMiB);
  ++counters_.streams.failed;
  EXPECT_EQ(After(kLook), "");
  EXPECT_EQ(rules_.unfinished_bytes(), 0U);
}

TEST_F(FloodRulesTest, SilenceMayLastForThreeSeconds) {
  EXPECT_EQ(AfterBytes(2 * kMiB + 1), "");
  EXPECT_EQ(After(absl::Seconds(3)), "");
  EXPECT_EQ(After(absl::Milliseconds(1)), "much for long without a message");
}

// gRPC may have something to say, and no processor to say it.
TEST_F(FloodRulesTest, SilenceMayLastLongerWhileTheProcessWaitsForAProcessor) {
  EXPECT_EQ(AfterBytes(2 * kMiB + 1), "");
  now_ += absl::Seconds(10);
  EXPECT_EQ(After(absl::Seconds(3)), "");
  EXPECT_EQ(After(absl::Milliseconds(1)), "much for long without a message");
}

TEST_F(FloodRulesTest, WhoSendsLittleMayBeSilentForEver) {
  EXPECT_EQ(AfterBytes(2 * kMiB), "");
  EXPECT_EQ(After(absl::Hours(1)), "");
}

TEST_F(FloodRulesTest, AMessageEndsTheSilence) {
  EXPECT_EQ(AfterBytes(2 * kMiB + 1), "");
  EXPECT_EQ(After(absl::Seconds(3)), "");
  ++counters_.streams.messages;
  EXPECT_EQ(After(kLook), "");
  EXPECT_EQ(AfterBytes(2 * kMiB + 1), "");
  EXPECT_EQ(After(absl::Seconds(3)), "");
}

// What gRPC has to say in it are its windows, each two seconds at first.
TEST_F(FloodRulesTest, ALongMessageOverASlowLineIsNoFlood) {
  for (int look = 1; look <= 620; ++look) {
    if (look % 20 == 0) ++counters_.tcp.segments_sent;
    ASSERT_EQ(AfterBytes(kMiB / 10), "") << look;
  }
}

TEST_F(FloodRulesTest, WhoIsSilentForTwoLooksIsEndedWhileMemoryGrows) {
  EXPECT_EQ(AfterBytes(2 * kMiB + 1), "");
  EXPECT_EQ(WhileMemoryGrows(), "");
  EXPECT_EQ(After(kLook), "");
  EXPECT_EQ(WhileMemoryGrows(), "much without a message or an answer, while memory grows");
}

TEST_F(FloodRulesTest, WhoSendsLittleIsNotEndedWhileMemoryGrows) {
  EXPECT_EQ(AfterBytes(2 * kMiB), "");
  EXPECT_EQ(After(kLook), "");
  EXPECT_EQ(WhileMemoryGrows(), "");
}

TEST_F(FloodRulesTest, WhoIsAnsweredIsNotEndedWhileMemoryGrows) {
  for (int look = 0; look < 10; ++look) {
    ++counters_.tcp.segments_sent;
    EXPECT_EQ(AfterBytes(kMiB), "");
    EXPECT_EQ(WhileMemoryGrows(), "");
  }
}

class MemoryGrowthTest : public testing::Test {
 protected:
  MemoryGrowthTest() { EXPECT_FALSE(growth_.IsUnexplained(usage_, 0, now_)); }

  // A look's time later, with so much more memory, received and answered.
  bool IsUnexplained(std::uint64_t memory, std::uint64_t received, std::uint64_t answered) {
    now_ += kLook;
    usage_.memory += memory;
    usage_.answered += answered;
    return growth_.IsUnexplained(usage_, received, now_);
  }

  absl::Time now_ = absl::UnixEpoch();
  ProcessUsage usage_;
  MemoryGrowth growth_;
};

TEST_F(MemoryGrowthTest, SixtyFourMebibytesASecondNeedNoExplanation) {
  EXPECT_FALSE(IsUnexplained(64 * kMiB, 0, 0));
  EXPECT_TRUE(IsUnexplained(1, 0, 0));
}

TEST_F(MemoryGrowthTest, SlowGrowthNeedsNoExplanation) {
  for (int look = 0; look < 100; ++look) EXPECT_FALSE(IsUnexplained(6 * kMiB, 0, 0)) << look;
}

TEST_F(MemoryGrowthTest, EightTimesWhatIsReceivedIsExplained) {
  EXPECT_FALSE(IsUnexplained(800 * kMiB, 100 * kMiB, 0));
  EXPECT_TRUE(IsUnexplained(1, 0, 0));
}

TEST_F(MemoryGrowthTest, FourTimesWhatIsAnsweredIsExplained) {
  EXPECT_FALSE(IsUnexplained(400 * kMiB, 0, 100 * kMiB));
  EXPECT_TRUE(IsUnexplained(1, 0, 0));
}

TEST_F(MemoryGrowthTest, WhatCameInTheSecondBeforeExplainsToo) {
  EXPECT_FALSE(IsUnexplained(0, 100 * kMiB, 0));
  now_ += absl::Seconds(1);
  EXPECT_FALSE(IsUnexplained(0, 0, 0));
  EXPECT_FALSE(IsUnexplained(800 * kMiB, 0, 0));
  EXPECT_TRUE(IsUnexplained(1, 0, 0));
}

TEST_F(FloodRulesTest, WhatTlsAddsToSmallMessagesIsNotTakenForOnesThatAreNotComplete) {
  // Each of 100 bytes, and of 200 in headers, frames and records.
  const auto judge = [this](Framing framing) {
    FloodRules rules(now_, framing);
    ConnectionCounters counters;
    counters.streams.begun = 1;
    std::string reason;
    for (int i = 0; i < 1'000 && reason.empty(); ++i) {
      counters.tcp.bytes_read += 300 * 10'000;
      counters.message_bytes += 100 * 10'000;
      counters.streams.messages += 10'000;
      reason = std::string(rules.Judge(counters, usage_, now_ + i * kLook));
    }
    return reason;
  };
  EXPECT_EQ(judge(Framing::kTls), "");
  EXPECT_EQ(judge(Framing::kPlain), "too much in messages that are not complete");
}

}  // namespace
}  // namespace authstate::server
