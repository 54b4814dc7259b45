#include "client/cpp/idempotency_policy.h"

#include <gtest/gtest.h>

namespace authstate::client {
namespace {

TEST(IdempotencyPolicyTest, ReadsAreAlwaysSafeToRepeat) {
  for (const Rpc rpc :
       {Rpc::kGetCreds, Rpc::kGetKeys, Rpc::kLoadSession, Rpc::kListSessions, Rpc::kGetLease, Rpc::kGetServerInfo}) {
    EXPECT_EQ(RepetitionOf(rpc, /*conditional=*/false), Repetition::kRead);
  }
}

TEST(IdempotencyPolicyTest, WritesWithoutExpectedRevisionLeadToTheSameState) {
  for (const Rpc rpc :
       {Rpc::kSetCreds, Rpc::kSetKeys, Rpc::kDeleteKeys, Rpc::kCommit, Rpc::kAcquireLease, Rpc::kRenewLease}) {
    EXPECT_EQ(RepetitionOf(rpc, /*conditional=*/false), Repetition::kSameState);
  }
}

TEST(IdempotencyPolicyTest, RepeatedDeletesTakeNotFoundAsDone) {
  for (const Rpc rpc : {Rpc::kDeleteCreds, Rpc::kDeleteSession}) {
    EXPECT_EQ(RepetitionOf(rpc, /*conditional=*/false), Repetition::kNotFoundIsDone);
  }
}

TEST(IdempotencyPolicyTest, ReleaseOfALeaseIsConditional) {
  EXPECT_EQ(RepetitionOf(Rpc::kReleaseLease, /*conditional=*/false), Repetition::kConditional);
}

TEST(IdempotencyPolicyTest, MutationsWithExpectedRevisionAreConditional) {
  for (const Rpc rpc :
       {Rpc::kSetCreds, Rpc::kSetKeys, Rpc::kDeleteKeys, Rpc::kCommit, Rpc::kDeleteCreds, Rpc::kDeleteSession}) {
    EXPECT_EQ(RepetitionOf(rpc, /*conditional=*/true), Repetition::kConditional);
  }
}

}  // namespace
}  // namespace authstate::client
