#include "server/rpc/admission.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

Admission::Limits Of(std::size_t requests, std::size_t bytes) { return {requests, bytes}; }

TEST(AdmissionTest, RefusesMoreRequestsThanItsLimit) {
  Admission admission(Of(2, 1000));
  EXPECT_TRUE(admission.Enter(1).ok());
  EXPECT_TRUE(admission.Enter(1).ok());
  const absl::Status refused = admission.Enter(1);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_EQ(storage::OutcomeOf(refused), storage::Outcome::kNotApplied);
  EXPECT_TRUE(storage::RetryDelayOf(refused).has_value());
  admission.Leave(1);
  EXPECT_TRUE(admission.Enter(1).ok());
}

TEST(AdmissionTest, RefusesMoreBytesThanItsLimit) {
  Admission admission(Of(10, 100));
  EXPECT_TRUE(admission.Enter(60).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(admission.Enter(41)));
  EXPECT_TRUE(admission.Enter(40).ok());
  admission.Leave(60);
  EXPECT_TRUE(admission.Enter(60).ok());
}

TEST(AdmissionTest, ALoneRequestIsAlwaysLetIn) {
  Admission admission(Of(10, 100));
  EXPECT_TRUE(admission.Enter(1000).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(admission.Enter(1)));
}

TEST(AdmissionTest, DrainingLetsNothingInAndWaitsForWhatIsUnderWay) {
  Admission admission(Of(10, 100));
  ASSERT_TRUE(admission.Enter(1).ok());
  bool idle = false;
  std::thread drain([&] { idle = admission.Drain(absl::InfiniteFuture()); });
  // Until the other thread has begun, requests are let in.
  absl::Status late = absl::OkStatus();
  while (late.ok()) {
    late = admission.Enter(1);
    if (late.ok()) admission.Leave(1);
  }
  EXPECT_TRUE(absl::IsUnavailable(late));
  EXPECT_EQ(storage::OutcomeOf(late), storage::Outcome::kNotApplied);
  admission.Leave(1);
  drain.join();
  EXPECT_TRUE(idle);
}

TEST(AdmissionTest, DrainingEndsByItsDeadline) {
  Admission admission(Of(10, 100));
  ASSERT_TRUE(admission.Enter(1).ok());
  EXPECT_FALSE(admission.Drain(absl::Now()));
}

}  // namespace
}  // namespace authstate::server
