#include "client/cpp/idempotency_policy.h"

#include <gtest/gtest.h>

namespace authstate::client {
namespace {

TEST(IdempotencyPolicyTest, ReadsAreAlwaysSafeToRepeat) {
  for (const Rpc rpc :
       {Rpc::kGetCreds, Rpc::kGetKeys, Rpc::kLoadSession, Rpc::kListSessions, Rpc::kGetLease, Rpc::kGetServerInfo,
        Rpc::kListBackends, Rpc::kListHomes, Rpc::kCheckHealth, Rpc::kGetMaintenance}) {
    EXPECT_EQ(RepetitionOf(rpc), Repetition::kRead);
  }
}

TEST(IdempotencyPolicyTest, WritesTakeEffectOnce) {
  for (const Rpc rpc : {Rpc::kSetCreds, Rpc::kSetKeys, Rpc::kDeleteKeys, Rpc::kCommit, Rpc::kAcquireLease,
                        Rpc::kRenewLease, Rpc::kBeginMaintenance, Rpc::kEndMaintenance}) {
    EXPECT_EQ(RepetitionOf(rpc), Repetition::kOnce);
  }
}

TEST(IdempotencyPolicyTest, RepeatedReleaseTakesItsStaleFenceAsDone) {
  EXPECT_EQ(RepetitionOf(Rpc::kReleaseLease), Repetition::kStaleFenceIsDone);
}

TEST(IdempotencyPolicyTest, PurgeIsNoRead) { EXPECT_EQ(RepetitionOf(Rpc::kPurgeExpiredKeys), Repetition::kNotInDoubt); }

TEST(IdempotencyPolicyTest, RepeatedDeletesTakeNotFoundAsDone) {
  for (const Rpc rpc : {Rpc::kDeleteCreds, Rpc::kDeleteSession}) {
    EXPECT_EQ(RepetitionOf(rpc), Repetition::kNotFoundIsDone);
  }
}

}  // namespace
}  // namespace authstate::client
