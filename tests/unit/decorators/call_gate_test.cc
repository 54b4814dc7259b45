#include "storage/decorators/call_gate.h"

#include <gtest/gtest.h>

#include <thread>

namespace authstate::storage {
namespace {

TEST(CallGateTest, IsShutAtFirst) {
  CallGate gate;
  EXPECT_FALSE(gate.Enter());
  EXPECT_TRUE(gate.AwaitEmpty(absl::InfinitePast()));
}

TEST(CallGateTest, ThoseInsideAreWaitedForAndNobodyElseGetsIn) {
  CallGate gate;
  gate.Open();
  ASSERT_TRUE(gate.Enter());
  gate.Shut();
  EXPECT_FALSE(gate.Enter());
  EXPECT_FALSE(gate.AwaitEmpty(absl::InfinitePast()));
  std::thread inside([&] { gate.Leave(); });
  EXPECT_TRUE(gate.AwaitEmpty(absl::InfiniteFuture()));
  inside.join();
}

TEST(CallGateTest, WhoeverIsLetInThroughAShutGateCounts) {
  CallGate gate;
  gate.EnterShut();
  EXPECT_FALSE(gate.AwaitEmpty(absl::InfinitePast()));
  gate.Leave();
  EXPECT_TRUE(gate.AwaitEmpty(absl::InfinitePast()));
}

TEST(CallGateTest, OpensAgain) {
  CallGate gate;
  gate.Open();
  gate.Shut();
  gate.Open();
  EXPECT_TRUE(gate.Enter());
  gate.Leave();
}

}  // namespace
}  // namespace authstate::storage
