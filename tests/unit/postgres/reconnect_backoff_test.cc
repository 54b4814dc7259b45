#include "storage/postgres/reconnect_backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace authstate::storage {
namespace {

TEST(ReconnectBackoffTest, FirstConnectionIsNotDelayed) {
  const ReconnectBackoff backoff;
  EXPECT_EQ(backoff.Wait(absl::UnixEpoch()), absl::ZeroDuration());
}

TEST(ReconnectBackoffTest, WaitsLongerWithEveryFailureUpToABound) {
  ReconnectBackoff backoff;
  const absl::Time now = absl::UnixEpoch();
  absl::Duration most = ReconnectBackoff::kFirst;
  for (int failure = 0; failure < 20; ++failure) {
    backoff.Failed(now);
    EXPECT_LE(backoff.Wait(now), most);
    EXPECT_GE(backoff.Wait(now), most * ReconnectBackoff::kLeastShare - absl::Nanoseconds(1));
    most = std::min(most * 2, ReconnectBackoff::kLongest);
  }
}

TEST(ReconnectBackoffTest, WaitEndsWithTime) {
  ReconnectBackoff backoff;
  const absl::Time now = absl::UnixEpoch();
  backoff.Failed(now);
  EXPECT_GT(backoff.Wait(now), absl::ZeroDuration());
  EXPECT_EQ(backoff.Wait(now + ReconnectBackoff::kFirst), absl::ZeroDuration());
}

TEST(ReconnectBackoffTest, SuccessStartsAnew) {
  ReconnectBackoff backoff;
  const absl::Time now = absl::UnixEpoch();
  for (int failure = 0; failure < 10; ++failure) backoff.Failed(now);
  backoff.Succeeded();
  EXPECT_EQ(backoff.Wait(now), absl::ZeroDuration());
  backoff.Failed(now);
  EXPECT_LE(backoff.Wait(now), ReconnectBackoff::kFirst);
}

}  // namespace
}  // namespace authstate::storage
