// No attack: the largest message over a slow line, which looks a little like one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "tests/hostile/attack_test.h"

namespace authstate::test {
namespace {

using LongUploadTest = AttackTest;

TEST_F(LongUploadTest, OverASlowLineIsNoFlood) {
  const absl::Status answered = UploadOverASlowLine();
  EXPECT_TRUE(absl::IsInvalidArgument(answered)) << answered;
  EXPECT_THAT(std::string(answered.message()), testing::HasSubstr("session_id"));
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test
