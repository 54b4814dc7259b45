// What a pipe takes and holds at the most, and what becomes of that when the stream ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/server/pipe_connection_test.h"

namespace authstate::server::pipe {
namespace {

using ::testing::ElementsAre;

TEST_F(PipeConnectionTest, CallsUnderWayAreBoundedAndTheRestGathers) {
  options_.limits.batches.calls = 2;
  const auto connection = Attached(10);
  backend_.applies.hold = true;
  for (std::uint32_t i = 0; i < 10; ++i) Send(*connection, {send::Commit(i, i, 1, "v")});
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(1, 1));
  backend_.applies.ReleaseOne();
  EXPECT_THAT(backend_.applies.sizes, ElementsAre(1, 1, 8));
  backend_.applies.Release();
  EXPECT_THAT(TakeAll(*connection), SizeIs(10));
}

TEST_F(PipeConnectionTest, ChannelsAreBounded) {
  options_.limits.channels = 2;
  const auto connection = Attached(2);
  EXPECT_THAT(Outcomes(*connection, {send::Attach(9, 1, "s9")}), ElementsAre("INVALID_ARGUMENT/INVALID_FIELD"));
  EXPECT_THAT(Outcomes(*connection, {send::Detach(0, 2)}), ElementsAre("ok"));
  // An attach that fails gives its place back too.
  EXPECT_THAT(Outcomes(*connection, {send::Attach(9, 3, "s1", "other")}),
              ElementsAre("FAILED_PRECONDITION/LEASE_HELD"));
  EXPECT_THAT(Outcomes(*connection, {send::Attach(9, 4, "s9")}), ElementsAre("ok"));
}

TEST_F(PipeConnectionTest, AGetTooLargeForItsShareIsAskedAloneAndKeepsItsPlace) {
  options_.limits.read_bytes = 3000;
  const auto connection = Attached(2);
  Send(*connection, {send::Commit(0, 1, 1, std::string(2000, 'x')), send::Commit(1, 2, 1, "small")});
  TakeAll(*connection);
  Send(*connection, {send::Get(0, 3), send::Get(0, 4), send::Get(1, 5)});
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  ASSERT_THAT(Tags(results), ElementsAre(5, 3, 4));
  EXPECT_EQ(results[1].got().found(0).value().raw().size(), 2000U);
  EXPECT_EQ(results[2].got().found(0).value().raw().size(), 2000U);
}

TEST_F(PipeConnectionTest, EveryGetTooLargeForItsShareIsAskedTwiceAndNoMore) {
  options_.limits.read_bytes = 3000;
  const auto connection = Attached(1);
  Send(*connection, {send::Commit(0, 1, 1, std::string(2000, 'x'))});
  TakeAll(*connection);
  std::vector<v1::PipeOperation> gets;
  for (std::uint64_t tag = 0; tag < 5; ++tag) gets.push_back(send::Get(0, tag));
  Send(*connection, gets);
  EXPECT_THAT(Tags(TakeAll(*connection)), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(backend_.reads.sizes, ElementsAre(5, 1, 1, 1, 1, 1));
}

TEST_F(PipeConnectionTest, ReadsWaitWhileAnswersAreNotTaken) {
  options_.limits.waiting_answer_bytes = 5000;
  const auto connection = Attached(1);
  Send(*connection, {send::Commit(0, 1, 1, std::string(6000, 'x'))});
  TakeAll(*connection);
  for (std::uint64_t tag = 2; tag < 12; ++tag) Send(*connection, {send::Get(0, tag)});
  EXPECT_THAT(backend_.reads.sizes, ElementsAre(1));
  EXPECT_THAT(TakeAll(*connection), SizeIs(10));
}

TEST_F(PipeConnectionTest, OperationsUnansweredAreBounded) {
  options_.limits.stream_operations = 3;
  const auto connection = Attached(1);
  EXPECT_TRUE(connection->MayRead());
  Send(*connection, {send::Get(0, 1), send::Get(0, 2), send::Get(0, 3)});
  EXPECT_FALSE(connection->MayRead()) << "answered, but not written";
  TakeAll(*connection);
  EXPECT_TRUE(connection->MayRead());
}

TEST_F(PipeConnectionTest, BytesUnansweredAreBounded) {
  options_.limits.stream_bytes = 10'000;
  const auto connection = Attached(1);
  backend_.applies.hold = true;
  Send(*connection, {send::Commit(0, 1, 1, std::string(20'000, 'x'))});
  EXPECT_FALSE(connection->MayRead());
  backend_.applies.Release();
  EXPECT_TRUE(connection->MayRead());
}

TEST_F(PipeConnectionTest, BytesOfAllStreamsAreBoundedButForAFairShare) {
  options_.limits.fair_bytes = 5'000;
  budget_ = std::make_shared<Budget>(30'000);
  const auto large = Attached(1);
  const auto second = Open();
  const auto third = Open();
  Send(*second, {send::Attach(0, 1, "second")});
  Send(*third, {send::Attach(0, 1, "third")});
  TakeAll(*second);
  TakeAll(*third);
  backend_.applies.hold = true;
  Send(*large, {send::Commit(0, 1, 1, std::string(30'000, 'x'))});
  Send(*second, {send::Commit(0, 2, 1, std::string(6'000, 'x'))});
  EXPECT_FALSE(second->MayRead());
  EXPECT_TRUE(third->MayRead()) << "it holds less than its share";
  const int before = changes_;
  backend_.applies.ReleaseOne();
  EXPECT_GT(changes_, before);
  EXPECT_TRUE(second->MayRead());
  backend_.applies.Release();
}

TEST_F(PipeConnectionTest, WhatIsUnderWayOutlivesTheStreamAndLeavesNothingBehind) {
  auto connection = Attached(2);
  backend_.applies.hold = true;
  backend_.reads.hold = true;
  Send(*connection, {send::Commit(0, 1, 1, "one"), send::Commit(0, 2, 2, "two"), send::Get(1, 3)});
  Send(*connection, {send::Commit(0, 4, 3, "never begun")});
  const int before = changes_;
  connection->Close();
  connection.reset();
  EXPECT_GT(budget_->bytes(), 0U);
  backend_.applies.Release();
  backend_.reads.Release();
  EXPECT_EQ(budget_->bytes(), 0U);
  EXPECT_EQ(changes_, before);
  EXPECT_EQ(LeaseOf("s0").owner, "me") << "a broken stream is no release";
  connection = Open();
  Send(*connection, {send::Attach(0, 1, "s0", "me", 1)});
  EXPECT_EQ(TakeAll(*connection)[0].attached().applied_number(), 2U);
}

TEST_F(PipeConnectionTest, AnswersThatNobodyTookLeaveNothingBehind) {
  auto connection = Attached(1);
  Send(*connection, {send::Commit(0, 1, 1, "one"), send::Get(0, 2)});
  v1::PipeResponse frame;
  connection->NextFrame(&frame);
  connection->Close();
  EXPECT_EQ(budget_->bytes(), 0U);
  connection->FrameWritten();
  EXPECT_EQ(budget_->bytes(), 0U);
}

TEST_F(PipeConnectionTest, AnOperationWhoseTurnComesTooLateIsGivenUp) {
  const auto connection = Attached(1);
  options_.deadline = absl::ZeroDuration();
  const auto late = Open();
  EXPECT_THAT(Outcomes(*late, {send::Attach(0, 1, "s1"), send::Get(0, 2)}),
              ElementsAre("DEADLINE_EXCEEDED/DEADLINE_PASSED", "FAILED_PRECONDITION/NOT_ATTACHED"));
  EXPECT_FALSE(LeaseOf("s1").held());
}

TEST_F(PipeConnectionTest, ALongQueueTakesNoStack) {
  const auto connection = Attached(1);
  std::vector<v1::PipeOperation> operations;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    operations.push_back(send::Commit(0, 2 * i, i + 1, absl::StrCat(i)));
    operations.push_back(send::Get(0, 2 * i + 1));
  }
  backend_.applies.hold = true;
  Send(*connection, operations);
  backend_.applies.Release();
  const std::vector<v1::PipeResult> results = TakeAll(*connection);
  ASSERT_THAT(results, SizeIs(10'000));
  EXPECT_EQ(results[9'999].got().found(0).value().raw(), "4999");
}

TEST_F(PipeConnectionTest, FramesCloseAtTheirSizeAndALargeAnswerHasItsOwn) {
  options_.limits.frame_bytes = 3000;
  const auto connection = Attached(2);
  Send(*connection, {send::Commit(0, 1, 1, std::string(5000, 'x')), send::Commit(1, 2, 1, "small")});
  TakeAll(*connection);
  Send(*connection, {send::Get(1, 3), send::Get(0, 4), send::Get(1, 5), send::Get(1, 6)});
  std::vector<std::size_t> frames;
  while (connection->HasAnswers()) frames.push_back(TakeFrame(*connection).size());
  EXPECT_THAT(frames, testing::Each(testing::Le(3U)));
  EXPECT_GE(frames.size(), 2U);
}

}  // namespace
}  // namespace authstate::server::pipe
