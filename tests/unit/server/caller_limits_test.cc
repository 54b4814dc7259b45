#include "server/rpc/caller_limits.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "storage/error.h"

namespace authstate::server {
namespace {

class CallerLimitsTest : public testing::Test {
 protected:
  std::unique_ptr<CallerLimits> Limits(std::size_t calls, std::size_t rate) {
    CallerLimits::Options options;
    options.calls = calls;
    options.rate = rate;
    options.clock = [this] { return now_; };
    return std::make_unique<CallerLimits>(options);
  }
  static void ExpectRefused(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(storage::ReasonOf(status), kCallerLimit);
    EXPECT_EQ(storage::OutcomeOf(status), storage::Outcome::kNotApplied);
    EXPECT_TRUE(storage::RetryDelayOf(status).has_value());
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(CallerLimitsTest, CallsUnderWayAreBoundedForEachCaller) {
  const auto limits = Limits(2, 0);
  const auto first = limits->Enter("a");
  auto second = limits->Enter("a");
  ASSERT_TRUE(first.ok() && second.ok());
  ExpectRefused(limits->Enter("a").status());
  EXPECT_TRUE(limits->Enter("b").ok()) << "another's share is its own";
  second->reset();
  EXPECT_TRUE(limits->Enter("a").ok());
}

TEST_F(CallerLimitsTest, OperationsAreBoundedInASecond) {
  const auto limits = Limits(0, 10);
  const auto call = limits->Enter("a");
  ASSERT_TRUE(call.ok());
  for (int i = 1; i < 10; ++i) EXPECT_TRUE((*call)->Count().ok()) << i;
  const absl::Status refused = (*call)->Count();
  ExpectRefused(refused);
  EXPECT_EQ(storage::RetryDelayOf(refused), absl::Milliseconds(100));
  ExpectRefused(limits->Enter("a").status());
  EXPECT_TRUE(limits->Enter("b").ok());
  now_ += absl::Milliseconds(100);
  EXPECT_TRUE((*call)->Count().ok());
  ExpectRefused((*call)->Count());
}

TEST_F(CallerLimitsTest, WhatIsNotUsedIsNotSavedForLater) {
  const auto limits = Limits(0, 10);
  const auto call = limits->Enter("a");
  ASSERT_TRUE(call.ok());
  now_ += absl::Hours(1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE((*call)->Count().ok()) << i;
  ExpectRefused((*call)->Count());
}

TEST_F(CallerLimitsTest, CallersWithoutANameHaveNoShare) {
  const auto limits = Limits(1, 1);
  std::vector<std::shared_ptr<CallerLimits::Use>> calls;
  for (int i = 0; i < 5; ++i) {
    const auto call = limits->Enter("");
    ASSERT_TRUE(call.ok());
    calls.push_back(*call);
  }
}

}  // namespace
}  // namespace authstate::server
