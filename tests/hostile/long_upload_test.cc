// No attack: the largest message over a slow line, which looks a little like one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "tests/hostile/attack_test.h"
#include "tests/hostile/raw_call.h"
#include "tests/support/tcp_proxy.h"

namespace authstate::test {
namespace {

// Six seconds for the message.
constexpr std::size_t kBytesPerSecond = kMaxMessageBytes / 6;

using LongUploadTest = AttackTest;

TEST_F(LongUploadTest, OverASlowLineIsNoFlood) {
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(address().substr(address().rfind(':') + 1), &port));
  auto line = TcpProxy::Create(static_cast<std::uint16_t>(port), Protocol::kAny);
  ASSERT_TRUE(line.ok()) << line.status();
  (*line)->SetRate(kBytesPerSecond);
  // Its answer shows that it arrived whole.
  const std::string unknown_field("\xfa\x7f\x80\x80\x80\x1f", 6);
  const absl::Status answered = RawCall(absl::StrCat("127.0.0.1:", (*line)->port()), "SetCreds",
                                        unknown_field + std::string(std::size_t{62} << 20, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(answered)) << answered;
  EXPECT_THAT(std::string(answered.message()), testing::HasSubstr("session_id"));
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test
