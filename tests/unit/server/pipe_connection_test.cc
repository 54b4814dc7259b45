// What a pipe answers, and how it gathers.
#include "tests/unit/server/pipe_connection_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/access/refusals.h"
#include "server/handlers/request_error.h"

namespace authstate::server::pipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(PipeConnectionTest, EveryOperationIsAnsweredOnceInTheOrderOfItsChannel) {
  const auto connection = Open();
  Send(*connection, {send::Attach(7, 10, "s"), send::Commit(7, 11, 1, "one"), send::Get(7, 12),
                     send::Commit(7, 13, 2, "two"), send::Get(7, 14), send::Renew(7, 15), send::Detach(7, 16)});
  const std::vector<v1::PipeResult> results = TakeFrame(*connection);
  ASSERT_THAT(Tags(results), ElementsAre(10, 11, 12, 13, 14, 15, 16));
  EXPECT_EQ(results[0].attached().lease().owner(), "me");
  EXPECT_EQ(results[0].attached().lease().fence(), 1U);
  EXPECT_EQ(results[0].attached().applied_number(), 0U);
  EXPECT_EQ(results[1].committed().revision(), 1U);
  EXPECT_EQ(results[2].got().found(0).value().raw(), "one");
  EXPECT_EQ(results[2].got().revision(), 1U);
  EXPECT_EQ(results[4].got().found(0).value().raw(), "two");
  EXPECT_GT(results[5].renewed().lease().remaining().seconds(), 0);
  EXPECT_TRUE(results[6].has_detached());
  EXPECT_TRUE(connection->Idle());
  EXPECT_FALSE(connection->HasAnswers());
}

TEST_F(PipeConnectionTest, WhatIsAbsentIsNoError) {
  const auto connection = Attached(1);
  v1::PipeOperation get = send::Get(0, 1);
  get.mutable_get()->set_creds(true);
  Send(*connection, {get});
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_FALSE(results[0].got().has_creds());
  EXPECT_THAT(results[0].got().found(), IsEmpty());
  ASSERT_THAT(results[0].got().absent(), SizeIs(1));
  EXPECT_EQ(results[0].got().absent(0).id(), "1");
}

TEST_F(PipeConnectionTest, CommitsThatWaitGoToTheBackendTogether) {
  const auto connection = Attached(1);
  backend_.applies.hold = true;
  Send(*connection, {send::Commit(0, 1, 1, "one")});
  for (std::uint64_t number = 2; number <= 5; ++number) {
    Send(*connection, {send::Commit(0, number, number, absl::StrCat(number))});
  }
  Send(*connection, {send::Get(0, 6)});
  EXPECT_FALSE(connection->HasAnswers());
  backend_.applies.Release();
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(1, 4));
  ASSERT_THAT(Tags(results), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(results[5].got().found(0).value().raw(), "5");
}

TEST_F(PipeConnectionTest, OperationsOfManyChannelsAreOneCallOfEachKind) {
  const auto connection = Attached(100);
  EXPECT_THAT(backend_.leases.sizes, ElementsAre(100));
  std::vector<v1::PipeOperation> operations;
  for (std::uint32_t i = 0; i < 50; ++i) operations.push_back(send::Commit(i, i, 1, "v"));
  for (std::uint32_t i = 50; i < 90; ++i) operations.push_back(send::Get(i, i));
  for (std::uint32_t i = 90; i < 100; ++i) operations.push_back(send::Renew(i, i));
  Send(*connection, operations);
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(50));
  EXPECT_THAT(backend_.reads.sizes, ElementsAre(40));
  EXPECT_THAT(backend_.leases.sizes, ElementsAre(100, 10));
  EXPECT_THAT(TakeFrame(*connection), SizeIs(100));
}

TEST_F(PipeConnectionTest, CommitsOfMoreThanACallAreSeveralSideBySide) {
  const auto connection = Attached(150);
  backend_.applies.hold = true;
  std::vector<v1::PipeOperation> operations;
  for (std::uint32_t i = 0; i < 150; ++i) operations.push_back(send::Commit(i, i, 1, "v"));
  Send(*connection, operations);
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(64, 64, 22));
  backend_.applies.Release();
  EXPECT_THAT(TakeAll(*connection), SizeIs(150));
}

TEST_F(PipeConnectionTest, ALargeCommitIsACallOfItsOwn) {
  options_.limits.batches.bytes = 4096;
  const auto connection = Attached(3);
  Send(*connection, {send::Commit(0, 1, 1, "small"), send::Commit(1, 2, 1, std::string(10'000, 'x')),
                     send::Commit(2, 3, 1, "small")});
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(1, 1, 1));
  EXPECT_THAT(TakeAll(*connection), SizeIs(3));
}

TEST_F(PipeConnectionTest, ChannelsDoNotWaitForEachOther) {
  const auto connection = Attached(2);
  backend_.applies.hold = true;
  Send(*connection, {send::Commit(0, 1, 1, "held")});
  Send(*connection, {send::Get(0, 2), send::Get(1, 3), send::Renew(1, 4)});
  EXPECT_THAT(Tags(TakeAll(*connection)), ElementsAre(3, 4));
  Send(*connection, {send::Commit(1, 5, 1, "v")});
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(1, 1)) << "the commit of another channel waits for the one under way";
  backend_.applies.Release();
  EXPECT_THAT(Tags(TakeAll(*connection)), testing::UnorderedElementsAre(1, 2, 5));
}

TEST_F(PipeConnectionTest, ALockedSessionIsAskedForAloneInItsOrderAndKeepsNoPlace) {
  options_.limits.batches.calls = 1;
  const auto connection = Attached(3);
  backend_.locked = {"s1"};
  Send(*connection, {send::Commit(0, 10, 1, "v"), send::Commit(1, 11, 1, "v"), send::Commit(1, 12, 2, "v"),
                     send::Get(1, 13), send::Commit(2, 14, 1, "v")});
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(4, 1, 1));
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  EXPECT_THAT(Tags(results), ElementsAre(10, 14, 11, 12, 13));
  for (const v1::PipeResult& result : results) EXPECT_EQ(OutcomeOf(result), "ok");
  EXPECT_TRUE(connection->Idle());
}

TEST_F(PipeConnectionTest, ALeaseOfALockedSessionIsAskedForAlone) {
  const auto connection = Attached(3);
  backend_.locked = {"s1", "s3"};
  EXPECT_THAT(
      Outcomes(*connection, {send::Renew(0, 1), send::Renew(1, 2), send::Renew(2, 3), send::Attach(3, 4, "s3")}),
      testing::UnorderedElementsAre("ok", "ok", "ok", "ok"));
  EXPECT_THAT(backend_.leases.sizes, ElementsAre(3, 4, 1, 1));
  EXPECT_THAT(Outcomes(*connection, {send::Detach(1, 5, true), send::Detach(3, 6, true)}), ElementsAre("ok", "ok"));
  EXPECT_TRUE(LeaseOf("s3").owner.empty());
  EXPECT_TRUE(connection->Idle());
}

TEST_F(PipeConnectionTest, ANumberThatWasAppliedIsAnsweredAgainAndChangesNothing) {
  const auto connection = Attached(1);
  EXPECT_THAT(Outcomes(*connection, {send::Commit(0, 1, 1, "one"), send::Commit(0, 2, 2, "two"),
                                     send::Commit(0, 3, 1, "late"), send::Commit(0, 4, 2, "late")}),
              ElementsAre("ok", "ok", "ok", "ok"));
  Send(*connection, {send::Get(0, 5)});
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  EXPECT_EQ(results[0].got().found(0).value().raw(), "two");
  EXPECT_EQ(results[0].got().revision(), 2U);
}

TEST_F(PipeConnectionTest, AfterAGapAllFailUntilTheNumberComes) {
  const auto connection = Attached(1);
  constexpr char kGap[] = "FAILED_PRECONDITION/NUMBER_GAP";
  EXPECT_THAT(Outcomes(*connection, {send::Commit(0, 1, 2, "b"), send::Commit(0, 2, 3, "c")}), ElementsAre(kGap, kGap));
  EXPECT_THAT(Outcomes(*connection, {send::Commit(0, 3, 1, "a"), send::Commit(0, 4, 2, "b"), send::Commit(0, 5, 4, "d"),
                                     send::Commit(0, 6, 3, "c")}),
              ElementsAre("ok", "ok", kGap, "ok"));
}

TEST_F(PipeConnectionTest, TheOwnerThatLostItsLeaseIsToldByWhom) {
  const auto mine = Attached(1);
  const auto theirs = Open();
  EXPECT_THAT(Outcomes(*theirs, {send::Steal(3, 1, "s0", "thief"), send::Commit(3, 2, 1, "theirs")}),
              ElementsAre("ok", "ok"));
  Send(*mine, {send::Commit(0, 1, 1, "mine"), send::Get(0, 2), send::Renew(0, 3), send::Detach(0, 4, true)});
  const std::vector<v1::PipeResult> results = TakeAll(*mine);
  ASSERT_THAT(results, SizeIs(4));
  for (const v1::PipeResult& result : results) {
    EXPECT_EQ(OutcomeOf(result), "FAILED_PRECONDITION/STALE_FENCE");
    EXPECT_EQ(InfoOf(result, "owner"), "thief");
    EXPECT_EQ(InfoOf(result, "fence"), "2");
  }
  EXPECT_EQ(InfoOf(results[0], "outcome"), "NOT_APPLIED");
  Send(*theirs, {send::Get(3, 3)});
  EXPECT_EQ(TakeAll(*theirs)[0].got().found(0).value().raw(), "theirs");
}

TEST_F(PipeConnectionTest, AHeldLeaseIsAnAnswerAndTheChannelStaysFree) {
  const auto mine = Attached(1);
  const auto theirs = Open();
  EXPECT_THAT(Outcomes(*theirs, {send::Attach(0, 1, "s0", "other"), send::Commit(0, 2, 1, "v"),
                                 send::Attach(0, 3, "free", "other"), send::Commit(0, 4, 1, "v")}),
              ElementsAre("FAILED_PRECONDITION/LEASE_HELD", "FAILED_PRECONDITION/NOT_ATTACHED", "ok", "ok"));
}

TEST_F(PipeConnectionTest, StealingIsRefusedWhereItIsNotAllowed) {
  const auto mine = Attached(1);
  options_.stealing = Stealing::kRefused;
  const auto theirs = Open();
  EXPECT_THAT(Outcomes(*theirs, {send::Steal(0, 1, "s0", "thief")}), ElementsAre("PERMISSION_DENIED/STEALING_REFUSED"));
  EXPECT_EQ(LeaseOf("s0").owner, "me");
}

TEST_F(PipeConnectionTest, AnotherStreamGoesOnUnderTheFence) {
  auto connection = Attached(1);
  Send(*connection, {send::Commit(0, 1, 1, "one"), send::Commit(0, 2, 2, "two")});
  connection->Close();
  connection.reset();
  connection = Open();
  Send(*connection,
       {send::Attach(5, 3, "s0", "me", 1), send::Commit(5, 4, 2, "again"), send::Commit(5, 5, 3, "three")});
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  ASSERT_THAT(Tags(results), ElementsAre(3, 4, 5));
  EXPECT_EQ(results[0].attached().applied_number(), 2U);
  EXPECT_EQ(results[0].attached().lease().fence(), 1U);
  EXPECT_EQ(results[1].committed().revision(), 2U);
  EXPECT_EQ(results[2].committed().revision(), 3U);
  EXPECT_THAT(Outcomes(*connection, {send::Attach(6, 6, "s0", "me", 9)}),
              ElementsAre("FAILED_PRECONDITION/STALE_FENCE"));
}

TEST_F(PipeConnectionTest, AChannelInUseIsRefusedAndGoesOn) {
  const auto connection = Attached(1);
  Send(*connection, {send::Attach(0, 1, "other"), send::Commit(0, 2, 1, "v")});
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  EXPECT_EQ(OutcomeOf(results[0]), "INVALID_ARGUMENT/INVALID_FIELD");
  EXPECT_EQ(InfoOf(results[0], "field"), "channel");
  EXPECT_EQ(OutcomeOf(results[1]), "ok");
  EXPECT_FALSE(LeaseOf("other").held());
}

TEST_F(PipeConnectionTest, ADetachedChannelIsFreeAndTheLeaseStays) {
  const auto connection = Attached(1);
  EXPECT_THAT(Outcomes(*connection, {send::Detach(0, 1), send::Get(0, 2), send::Attach(0, 3, "next")}),
              ElementsAre("ok", "FAILED_PRECONDITION/NOT_ATTACHED", "ok"));
  EXPECT_EQ(LeaseOf("s0").owner, "me");
}

TEST_F(PipeConnectionTest, ADetachThatReleasesFreesTheSession) {
  const auto connection = Attached(1);
  EXPECT_THAT(Outcomes(*connection, {send::Detach(0, 1, true), send::Attach(0, 2, "s0", "other")}),
              ElementsAre("ok", "ok"));
  EXPECT_EQ(LeaseOf("s0").owner, "other");
}

TEST_F(PipeConnectionTest, AMessageThatBreaksTheContractChangesNothing) {
  const auto connection = Attached(1);
  v1::PipeOperation bad = send::Commit(0, 2, 2, "two");
  bad.mutable_commit()->mutable_sets(0)->mutable_key()->clear_id();
  const absl::Status taken = connection->Take(Message({send::Commit(0, 1, 1, "one"), bad}));
  EXPECT_EQ(FieldOf(taken), "operations[1].commit.sets[0].key.id");
  EXPECT_FALSE(connection->HasAnswers());
  EXPECT_THAT(backend_.applies.sizes, IsEmpty());
}

TEST_F(PipeConnectionTest, EachOperationNeedsItsRightOnTheSessionOfItsChannel) {
  std::vector<std::string> asked;
  options_.permit = [&asked](const Operation& operation, const std::string& session_id) {
    asked.push_back(absl::StrCat(MethodOf(operation).name, " ", session_id));
    return absl::OkStatus();
  };
  const auto pipe = Open();
  EXPECT_THAT(Outcomes(*pipe, {send::Get(1, 0)}), ElementsAre("FAILED_PRECONDITION/NOT_ATTACHED"));
  EXPECT_THAT(Outcomes(*pipe, {send::Attach(1, 0, "s0")}), ElementsAre("ok"));
  EXPECT_THAT(Outcomes(*pipe, {send::Get(1, 0)}), ElementsAre("ok"));
  EXPECT_THAT(asked, ElementsAre("get ", "attach s0", "get s0"));
}

TEST_F(PipeConnectionTest, WhatIsNotPermittedIsNotAskedOfTheBackend) {
  absl::Status permitted;
  options_.permit = [&permitted](const Operation& /*operation*/, const std::string& /*session_id*/) {
    return permitted;
  };
  const auto pipe = Attached(1);
  permitted = TokenRevoked();
  backend_.reads.sizes.clear();
  backend_.applies.sizes.clear();
  const std::vector<std::string> refused(3, "UNAUTHENTICATED/TOKEN_REVOKED");
  EXPECT_EQ(Outcomes(*pipe, {send::Get(0, 1), send::Commit(0, 2, 1, "v"), send::Attach(1, 3, "s1")}), refused);
  EXPECT_THAT(backend_.reads.sizes, ElementsAre());
  EXPECT_THAT(backend_.applies.sizes, ElementsAre());
}

TEST_F(PipeConnectionTest, WhatWaitsForTheBackendIsAskedForOnceMore) {
  absl::Status permitted;
  options_.limits.batches.calls = 1;
  options_.permit = [&permitted](const Operation& /*operation*/, const std::string& /*session_id*/) {
    return permitted;
  };
  const auto pipe = Attached(2);
  backend_.reads.hold = true;
  Send(*pipe, {send::Get(0, 1)});
  Send(*pipe, {send::Get(1, 2)});
  permitted = TokenRevoked();
  pipe->AskForPermission();
  const std::vector<v1::PipeResult> refused = TakeAll(*pipe);
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].tag(), 2U);
  EXPECT_EQ(OutcomeOf(refused[0]), "UNAUTHENTICATED/TOKEN_REVOKED");
  backend_.reads.Release();
  EXPECT_THAT(Tags(TakeAll(*pipe)), ElementsAre(1));
  EXPECT_THAT(backend_.reads.sizes, ElementsAre(1));
}

}  // namespace
}  // namespace authstate::server::pipe
