#include "storage/postgres/connection/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace authstate::storage {
namespace {

TEST(BackoffTest, FirstConnectionIsNotDelayed) {
  const Backoff backoff;
  EXPECT_EQ(backoff.Wait(absl::UnixEpoch()), absl::ZeroDuration());
}

TEST(BackoffTest, WaitsLongerWithEveryFailureUpToABound) {
  Backoff backoff;
  const absl::Time now = absl::UnixEpoch();
  absl::Duration most = Backoff::kFirst;
  for (int failure = 0; failure < 20; ++failure) {
    backoff.Failed(now);
    EXPECT_LE(backoff.Wait(now), most);
    EXPECT_GE(backoff.Wait(now), most * Backoff::kLeastShare - absl::Nanoseconds(1));
    most = std::min(most * 2, Backoff::kLongest);
  }
}

TEST(BackoffTest, WaitEndsWithTime) {
  Backoff backoff;
  const absl::Time now = absl::UnixEpoch();
  backoff.Failed(now);
  EXPECT_GT(backoff.Wait(now), absl::ZeroDuration());
  EXPECT_EQ(backoff.Wait(now + Backoff::kFirst), absl::ZeroDuration());
}

TEST(BackoffTest, SuccessStartsAnew) {
  Backoff backoff;
  const absl::Time now = absl::UnixEpoch();
  for (int failure = 0; failure < 10; ++failure) backoff.Failed(now);
  backoff.Succeeded();
  EXPECT_EQ(backoff.Wait(now), absl::ZeroDuration());
  backoff.Failed(now);
  EXPECT_LE(backoff.Wait(now), Backoff::kFirst);
}

}  // namespace
}  // namespace authstate::storage
