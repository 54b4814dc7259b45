#include "storage/moving/lease_side.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace authstate::storage {
namespace {

// A lease of which so much was left, told between two moments around `now`.
LeaseSide Told(absl::Duration left, absl::Time now, absl::Duration took = absl::ZeroDuration()) {
  Lease lease;
  lease.owner = "a";
  lease.fence = 1;
  lease.remaining = left;
  return {lease, now - took, now};
}

TEST(LeaseSideTest, ALeaseThatMayEndBeforeThatOfTheSourceIsRenewed) {
  const absl::Time now = absl::Now();
  EXPECT_TRUE(NeedsRenewal(Told(absl::Seconds(30), now), Told(absl::Seconds(29), now)));
  EXPECT_FALSE(NeedsRenewal(Told(absl::Seconds(30), now), Told(absl::Seconds(31), now)));
  EXPECT_TRUE(NeedsRenewal(Told(absl::Seconds(30), now), Told(absl::Seconds(31), now, absl::Seconds(2))))
      << "it may have been told two seconds ago";
}

TEST(LeaseSideTest, ALeaseThatEndsMuchLaterThanThatOfTheSourceIsShortened) {
  const absl::Time now = absl::Now();
  EXPECT_TRUE(NeedsRenewal(Told(absl::Seconds(30), now), Told(absl::Seconds(300), now)));
  EXPECT_TRUE(NeedsRenewal(Told(absl::Seconds(-5), now), Told(absl::Seconds(300), now)));
}

TEST(LeaseSideTest, OfLeasesThatHaveEndedOnBothSidesNoneIsRenewed) {
  const absl::Time now = absl::Now();
  EXPECT_FALSE(NeedsRenewal(Told(absl::Seconds(-5), now), Told(absl::Seconds(-9), now)));
}

TEST(LeaseSideTest, NoLessIsLeftThanInTheSourceAndNoMoreThanTheSlackAbove) {
  const absl::Time told = absl::Now() - absl::Seconds(10);
  const absl::Duration left = LeftOf(Told(absl::Seconds(30), told));
  EXPECT_GE(left, absl::Seconds(20) - (absl::Now() - told - absl::Seconds(10)));
  EXPECT_LE(left, absl::Seconds(20) + kLeaseSlack);
  EXPECT_LT(LeftOf(Told(absl::Seconds(-1), told)), absl::ZeroDuration());
}

}  // namespace
}  // namespace authstate::storage
