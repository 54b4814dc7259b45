// Frames of HTTP/2 that no handler ever sees, as many as fit the line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/hostile/attack_test.h"
#include "tests/hostile/http2_attacker.h"
#include "tests/hostile/http2_calls.h"

namespace authstate::test {
namespace {

// By which rule depends on how much memory frames take, and how fast they come.
constexpr absl::string_view kEnded = "connection ended: it floods the server";
constexpr int kAttackers = 2;
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr int kFramesATurn = 1'000;
constexpr std::size_t kLargestFrame = 16'384;

class FloodsTest : public AttackTest {
 protected:
  // So many frames over and over.
  static Turns Repeat(const std::string& frame, int count) {
    std::string turn;
    for (int i = 0; i < count; ++i) turn += frame;
    return [turn](int) { return turn; };
  }

  // A header block that has begun, and goes on with that for ever.
  static Turns Headers(const std::string& beginning, const std::string& continuation, int count) {
    return [beginning, turns = Repeat(Frame(FrameType::kContinuation, 0, StreamOf(0), continuation), count)](int turn) {
      return turn == 0 ? Frame(FrameType::kHeaders, 0, StreamOf(0), beginning) : turns(turn);
    };
  }
};

TEST_F(FloodsTest, StreamsThatAreResetAsSoonAsTheyAreBegun) {
  const std::string cancel("\0\0\0\x8", 4);
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(kAttackers, [&](int turn) {
      std::string frames;
      for (int i = 0; i < kFramesATurn; ++i) {
        const auto call = static_cast<std::uint32_t>(turn * kFramesATurn + i);
        absl::StrAppend(&frames, BeginCall(call, "GetCreds"),
                        Frame(FrameType::kResetStream, 0, StreamOf(call), cancel));
      }
      return frames;
    });
  }
  ExpectReason(kEnded);
  ExpectNoHarm();
}

// Whoever does not acknowledge the settings is not held to them by gRPC.
TEST_F(FloodsTest, StreamsThatStayOpen) {
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(1, [](int turn) {
      std::string frames;
      for (int i = 0; i < kFramesATurn && turn < 50; ++i) {
        absl::StrAppend(&frames, BeginCall(static_cast<std::uint32_t>(turn * kFramesATurn + i), "GetCreds"));
      }
      return frames;
    });
  }
  ExpectReason("too many open streams");
  ExpectNoHarm();
}

TEST_F(FloodsTest, HeadersWithoutEnd) {
  // `x: y`, to be remembered.
  const std::string header("\x40\x01x\x01y", 5);
  std::string headers;
  while (headers.size() + header.size() <= kLargestFrame) headers += header;
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(kAttackers, Headers(FirstCall("GetCreds"), headers, 16));
  }
  ExpectReason(kEnded);
  ExpectNoHarm();
}

TEST_F(FloodsTest, OneHeaderWithoutEnd) {
  // The value of `x` says that it has a gigabyte.
  const std::string header = absl::StrCat("\x40\x01x", "\x7f\x81\xff\xff\xff\x03");
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(kAttackers, Headers(header, std::string(kLargestFrame, 'x'), 16));
  }
  ExpectReason(kEnded);
  ExpectNoHarm();
}

TEST_F(FloodsTest, EmptyFramesOfHeaders) {
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(kAttackers, Headers(FirstCall("GetCreds"), "", 10 * kFramesATurn));
  }
  ExpectReason(kEnded);
  ExpectNoHarm();
}

TEST_F(FloodsTest, Settings) {
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(kAttackers, Repeat(Frame(FrameType::kSettings, 0, 0, ""), 10 * kFramesATurn));
  }
  ExpectReason(kEnded);
  ExpectNoHarm();
}

// gRPC itself ends these.
TEST_F(FloodsTest, Pings) {
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(kAttackers, Repeat(Frame(FrameType::kPing, 0, 0, "12345678"), 10 * kFramesATurn));
  }
  ExpectNoHarm();
}

TEST_F(FloodsTest, PingsEndWithACodeThatSaysSo) {
  Http2Attacker attacker(address());
  ASSERT_TRUE(attacker.Begin());
  // The code comes in a GOAWAY frame: ENHANCE_YOUR_CALM (RFC 9113, section 7), and gRPC's word for it.
  (void)attacker.Send(Repeat(Frame(FrameType::kPing, 0, 0, "12345678"), kFramesATurn)(0));
  EXPECT_TRUE(attacker.AwaitEnd(kPatience));
  EXPECT_THAT(attacker.tail(), ::testing::HasSubstr(std::string("\0\0\0\xbtoo_many_pings", 18)));
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test
