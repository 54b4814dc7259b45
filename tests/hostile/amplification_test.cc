// Requests that are far larger in memory than on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "contract/limits.h"
#include "tests/hostile/attack_test.h"
#include "tests/hostile/raw_call.h"

namespace authstate::test {
namespace {

using testing::HasSubstr;

class AmplificationTest : public AttackTest {
 protected:
  // A message nearly as large as one may be, of nothing but these.
  void ExpectRefused(const std::string& field) {
    std::string bytes;
    while (bytes.size() + field.size() < kMaxMessageBytes) bytes += field;
    const absl::Status refused = RawCall(address(), "Commit", bytes);
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("more than 500000 fields"));
  }
};

TEST_F(AmplificationTest, MessagesOfNothingButEmptyMessages) {
  const std::string empty_set("\x1a\x00", 2);
  for (int round = 0; round < AttackRounds(); ++round) ExpectRefused(empty_set);
  ExpectNoHarm();
}

TEST_F(AmplificationTest, MessagesOfNothingButUnknownFields) {
  const std::string field_2047("\xf8\x7f\x01", 3);
  for (int round = 0; round < AttackRounds(); ++round) ExpectRefused(field_2047);
  ExpectNoHarm();
}

// 256 MiB of zeros are 256 KiB on the wire.
TEST_F(AmplificationTest, CompressedMessagesAreNotUnpacked) {
  const std::string zeros(4 * kMaxMessageBytes, '\0');
  for (int round = 0; round < AttackRounds(); ++round) {
    constexpr int kAttackers = 3;
    std::vector<std::thread> attackers;
    attackers.reserve(kAttackers);
    for (int i = 0; i < kAttackers; ++i) {
      attackers.emplace_back([&, deflate = i == 0] {
        const absl::Status refused =
            RawCall(address(), "SetCreds", zeros, deflate ? GRPC_COMPRESS_DEFLATE : GRPC_COMPRESS_GZIP);
        EXPECT_TRUE(absl::IsUnimplemented(refused)) << refused;
        EXPECT_THAT(std::string(refused.message()), HasSubstr(deflate ? "deflate" : "gzip"));
      });
    }
    for (std::thread& attacker : attackers) attacker.join();
  }
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test
