#include "server/log/line_limit.h"

#include <gtest/gtest.h>

#include <optional>

namespace authstate::server {
namespace {

TEST(LineLimitTest, TheFirstOfASecondGetLinesAndTheNextSecondTellsOfTheOthers) {
  LineLimit limit(2);
  const absl::Time start = absl::UnixEpoch();
  EXPECT_EQ(limit.Take(start), 0U);
  EXPECT_EQ(limit.Take(start + absl::Milliseconds(999)), 0U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.Take(start + absl::Milliseconds(999)), std::nullopt);
  EXPECT_EQ(limit.Take(start + absl::Seconds(1)), 3U);
  EXPECT_EQ(limit.Take(start + absl::Seconds(1)), 0U);
}

}  // namespace
}  // namespace authstate::server
