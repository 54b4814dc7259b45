// Messages that are begun and not finished, by a client that keeps to the windows it is granted, and small ones between
// them that are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "tests/hostile/attack_test.h"
#include "tests/hostile/flow_control.h"
#include "tests/hostile/http2_attacker.h"
#include "tests/hostile/http2_calls.h"

namespace authstate::test {
namespace {

constexpr std::uint32_t kMessageBytes = std::uint32_t{60} << 20;
// Between two small messages, of each.
constexpr std::size_t kTurnBytes = std::size_t{1} << 20;
constexpr std::size_t kLargestFrame = 16'384;
// gRPC keeps something beside the bytes for each frame: most where they just do not fit into that.
constexpr std::size_t kSmallFrame = 24;
constexpr absl::Duration kPatience = absl::Seconds(30);

class UnfinishedMessages {
 public:
  // Begins so many, each on a stream of its own.
  UnfinishedMessages(const std::string& address, std::uint32_t messages) : attacker_(address, &flow_control_) {
    attacker_.Begin();
    sent_.resize(messages);
    for (; calls_ < messages; ++calls_) {
      attacker_.Send(BeginCall(calls_, "GetCreds"));
      SendData(calls_, MessagePrefix(kMessageBytes), kLargestFrame);
    }
  }

  // Sends all of each but its last byte, in frames of so many bytes. False when the server has ended the connection.
  bool SendAlmostAll(std::size_t frame_bytes) {
    v1::GetCredsRequest small;
    small.set_session_id("s");
    const absl::Time give_up = absl::Now() + kPatience;
    while (std::accumulate(sent_.begin(), sent_.end(), std::size_t{0}) < sent_.size() * (kMessageBytes - 1)) {
      if (absl::Now() > give_up) return true;
      for (std::uint32_t call = 0; call < sent_.size(); ++call) {
        const std::size_t window = flow_control_.Window(StreamOf(call));
        const std::size_t bytes = std::min({kTurnBytes, window, kMessageBytes - 1 - sent_[call]});
        if (!SendData(call, std::string(bytes, 'x'), frame_bytes)) return false;
        sent_[call] += bytes;
      }
      flow_control_.Spend(StreamOf(calls_), MessagePrefix(0).size() + small.ByteSizeLong());
      if (!attacker_.Send(WholeCall(calls_++, "GetCreds", small.SerializeAsString()))) return false;
      if (attacker_.AwaitEnd(absl::Milliseconds(1))) return false;
    }
    return true;
  }

 private:
  bool SendData(std::uint32_t call, absl::string_view bytes, std::size_t frame_bytes) {
    flow_control_.Spend(StreamOf(call), bytes.size());
    std::string frames;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(frame_bytes, bytes.size()))) {
      absl::StrAppend(&frames, Frame(FrameType::kData, 0, StreamOf(call), bytes.substr(0, frame_bytes)));
    }
    return attacker_.Send(frames);
  }

  FlowControl flow_control_;
  Http2Attacker attacker_;
  std::uint32_t calls_ = 0;
  // How many bytes of each message were sent.
  std::vector<std::size_t> sent_;
};

class UnfinishedMessagesTest : public AttackTest {
 protected:
  // Two messages of each connection, in frames of so many bytes.
  void ExpectBoundedTogether(std::size_t frame_bytes) {
    constexpr int kAttackers = 6;
    for (int round = 0; round < AttackRounds(); ++round) {
      std::list<UnfinishedMessages> attackers;
      std::vector<std::thread> threads;
      for (int i = 0; i < kAttackers; ++i) {
        UnfinishedMessages& attacker = attackers.emplace_back(address(), 2);
        threads.emplace_back([&attacker, frame_bytes] { (void)attacker.SendAlmostAll(frame_bytes); });
      }
      for (std::thread& thread : threads) thread.join();
    }
    ExpectReason("of too much on all connections");
    ExpectNoHarm();
  }
};

// A server that can have no more memory than a gigabyte and a half of addresses, of which threads and heaps reserve
// most.
class LimitedMemoryTest : public AttackTest {
 protected:
  void SetUp() override {
    if (!kMemoryIsMeasured) GTEST_SKIP() << "the address sanitizer needs more addresses";
    launcher_ = {"prlimit", "--as=1610612736"};
    AttackTest::SetUp();
  }
};

TEST_F(UnfinishedMessagesTest, OfOneConnectionAreBounded) {
  for (int round = 0; round < AttackRounds(); ++round) {
    EXPECT_FALSE(UnfinishedMessages(address(), 24).SendAlmostAll(kLargestFrame)) << "the server let it go on";
  }
  ExpectReason("too much in messages that are not complete");
  ExpectNoHarm();
}

TEST_F(UnfinishedMessagesTest, InSmallFramesAreBounded) {
  for (int round = 0; round < AttackRounds(); ++round) {
    EXPECT_FALSE(UnfinishedMessages(address(), 24).SendAlmostAll(kSmallFrame)) << "the server let it go on";
  }
  ExpectReason("too much in messages that are not complete");
  ExpectNoHarm();
}

// Each within the bound of one.
TEST_F(UnfinishedMessagesTest, OfSeveralConnectionsAreBoundedTogether) { ExpectBoundedTogether(kLargestFrame); }

TEST_F(UnfinishedMessagesTest, OfSeveralConnectionsInSmallFramesAreBoundedTogether) {
  ExpectBoundedTogether(kSmallFrame);
}

// Without the bound malloc(3) fails, of which gRPC makes an end of the process.
TEST_F(LimitedMemoryTest, UnfinishedMessagesEndNoServer) {
  for (int round = 0; round < AttackRounds(); ++round) {
    EXPECT_FALSE(UnfinishedMessages(address(), 24).SendAlmostAll(kLargestFrame)) << "the server let it go on";
  }
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test
