#include "storage/decorators/batching_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/error.h"
#include "tests/unit/decorators/held_store.h"
#include "tests/unit/decorators/pending.h"

namespace authstate::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using PendingCommit = Pending<Applied>;
using PendingRead = Pending<ReadResult>;

const KeyName kKey = {"session", "1"};

Commit Write(std::string session_id, std::string bytes = "v") {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.sets = {{kKey, {ValueKind::kRaw, std::move(bytes)}}};
  return commit;
}

class BatchingBackendTest : public testing::Test {
 protected:
  BatchingBackendTest() {
    options_.limits.calls = 1;
    options_.hold = absl::InfiniteDuration();
  }
  ~BatchingBackendTest() override { control_.Release(); }

  BatchingOptions& options() { return options_; }
  StoreControl& store() { return control_; }
  Backend& backend() {
    if (backend_ == nullptr) {
      backend_ = NewBatchingBackend(std::make_unique<HeldStore>(&control_), options_);
    }
    return *backend_;
  }
  void CloseBackend() { backend_.reset(); }

  PendingCommit Apply(std::vector<Commit> commits, absl::Time deadline = absl::InfiniteFuture()) {
    PendingCommit pending;
    backend().Apply(std::move(commits), deadline, pending.Done());
    return pending;
  }
  PendingCommit Apply(Commit commit, absl::Time deadline = absl::InfiniteFuture()) {
    std::vector<Commit> commits;
    commits.push_back(std::move(commit));
    return Apply(std::move(commits), deadline);
  }
  PendingRead Read(std::string session_id, std::size_t max_bytes = SIZE_MAX) {
    ReadRequest request;
    request.session_id = std::move(session_id);
    request.keys = {kKey};
    request.max_bytes = max_bytes;
    PendingRead pending;
    backend().Read({std::move(request)}, absl::InfiniteFuture(), pending.Done());
    return pending;
  }
  // How many members the calls had that reached the store.
  std::vector<std::size_t> Batches() const {
    std::vector<std::size_t> sizes;
    for (const StoreControl::Call& call : control_.calls()) sizes.push_back(call.members);
    return sizes;
  }

 private:
  StoreControl control_;
  BatchingOptions options_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(BatchingBackendTest, LoneCommitGoesAtOnce) {
  store().Hold();
  const PendingCommit lone = Apply(Write("a"));
  EXPECT_THAT(Batches(), ElementsAre(1));
  store().Release();
  EXPECT_TRUE(lone.status().ok());
}

TEST_F(BatchingBackendTest, WhatComesWhileABatchIsUnderWayGoesTogether) {
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  const PendingCommit second = Apply(Write("b"));
  const PendingCommit third = Apply({Write("c"), Write("d"), Write("c")});
  const PendingCommit fourth = Apply(Write("e"));
  EXPECT_THAT(Batches(), ElementsAre(1));
  ASSERT_TRUE(store().ReleaseOne());
  EXPECT_TRUE(first.status().ok());
  EXPECT_THAT(Batches(), ElementsAre(1, 5));
  store().Release();
  EXPECT_TRUE(second.status().ok());
  ASSERT_THAT(third.Await(), SizeIs(3));
  EXPECT_EQ(third.Await()[2]->revision, 2U);
  EXPECT_EQ(fourth.Await()[0]->revision, 1U);
}

TEST_F(BatchingBackendTest, WhatWaitsIsCountedAndForHowLongItDid) {
  const auto counts = std::make_shared<CallCounts>();
  options().counts = counts;
  const auto sent = [&counts] {
    std::uint64_t calls = 0;
    for (std::size_t i = 0; i <= counts->gathered_commits.waits.bounds().size(); ++i) {
      calls += counts->gathered_commits.waits.count(i);
    }
    return calls;
  };
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  EXPECT_EQ(counts->gathered_commits.waiting, 0U);
  const std::vector<PendingCommit> others = {Apply(Write("a")), Apply(Write("b"))};
  EXPECT_EQ(counts->gathered_commits.waiting, 2U);
  EXPECT_EQ(counts->gathered_reads.waiting, 0U);
  EXPECT_EQ(sent(), 1U);
  store().Release();
  for (const PendingCommit& commit : others) EXPECT_TRUE(commit.status().ok());
  EXPECT_EQ(counts->gathered_commits.waiting, 0U);
  EXPECT_EQ(sent(), 3U);
  EXPECT_GT(counts->gathered_commits.waits.sum(), 0);
}

TEST_F(BatchingBackendTest, ReadsGatherApartFromCommits) {
  store().Hold();
  const PendingCommit commit = Apply(Write("a"));
  const std::vector<PendingRead> reads = {Read("a"), Read("a"), Read("b")};
  EXPECT_THAT(Batches(), ElementsAre(1, 1));
  store().Release();
  for (const PendingRead& read : reads) EXPECT_TRUE(read.status().ok());
  EXPECT_THAT(Batches(), ElementsAre(1, 1, 2));
}

TEST_F(BatchingBackendTest, AsManyBatchesAreUnderWayAsAllowed) {
  options().limits.calls = 3;
  store().Hold();
  std::vector<PendingCommit> commits;
  for (const char* session : {"a", "b", "c", "d", "e"}) commits.push_back(Apply(Write(session)));
  EXPECT_THAT(Batches(), ElementsAre(1, 1, 1));
  store().Release();
  EXPECT_THAT(Batches(), ElementsAre(1, 1, 1, 2));
}

TEST_F(BatchingBackendTest, BatchClosesAtItsMembers) {
  options().limits.commits = 2;
  store().Hold();
  std::vector<PendingCommit> commits;
  for (const char* session : {"a", "b", "c", "d"}) commits.push_back(Apply(Write(session)));
  store().Release();
  EXPECT_THAT(Batches(), ElementsAre(1, 2, 1));
}

TEST_F(BatchingBackendTest, BatchClosesAtItsBytesAndALargerCommitGoesAlone) {
  options().limits.bytes = 1'000;
  store().Hold();
  std::vector<PendingCommit> commits;
  for (const std::size_t size : {1, 400, 400, 400, 10'000, 100}) {
    commits.push_back(Apply(Write(std::string(1, static_cast<char>('a' + commits.size())), std::string(size, 'x'))));
  }
  store().Release();
  EXPECT_THAT(Batches(), ElementsAre(1, 2, 1, 1, 1));
}

TEST_F(BatchingBackendTest, CommitsOfOneSessionKeepTheirOrderInBatchesOfTheirOwn) {
  options().limits.calls = 4;
  store().Hold();
  std::vector<PendingCommit> commits;
  commits.reserve(3);
  for (int i = 0; i < 3; ++i) commits.push_back(Apply(Write("a")));
  const PendingCommit other = Apply(Write("b"));
  EXPECT_THAT(Batches(), ElementsAre(1, 1)) << "the second of a session waits, that of another does not";
  store().Release();
  for (std::size_t i = 0; i < commits.size(); ++i) EXPECT_EQ(commits[i].Await()[0]->revision, i + 1);
  EXPECT_THAT(Batches(), ElementsAre(1, 1, 1, 1));
}

TEST_F(BatchingBackendTest, MemberThatFailsLeavesTheOthersAlone) {
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  const PendingCommit before = Apply(Write("b"));
  Commit wrong = Write("c");
  wrong.expected_revision = 7;
  const PendingCommit refused = Apply(std::move(wrong));
  const PendingCommit after = Apply(Write("d"));
  store().Release();
  EXPECT_THAT(Batches(), ElementsAre(1, 3));
  EXPECT_TRUE(before.status().ok());
  EXPECT_EQ(ReasonOf(refused.status()), std::string(kRevisionMismatch));
  EXPECT_TRUE(after.status().ok());
}

TEST_F(BatchingBackendTest, LargeCallWaitsForNoOther) {
  options().large_call = 2;
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  const PendingCommit small = Apply(Write("b"));
  const PendingCommit large = Apply({Write("c"), Write("d")});
  EXPECT_THAT(Batches(), ElementsAre(1, 3));
}

TEST_F(BatchingBackendTest, BatchHasTheLatestDeadlineOfItsMembers) {
  const absl::Time soon = absl::Now() + absl::Hours(1);
  const absl::Time later = soon + absl::Hours(1);
  store().Hold();
  const PendingCommit first = Apply(Write("a"), soon);
  const std::vector<PendingCommit> commits = {Apply(Write("b"), soon), Apply(Write("c"), later),
                                              Apply(Write("d"), soon)};
  ASSERT_TRUE(store().ReleaseOne());
  ASSERT_THAT(store().calls(), SizeIs(2));
  EXPECT_EQ(store().calls()[1].deadline, later);
}

TEST_F(BatchingBackendTest, CommitOverdueWhileItWaitsIsNotAppliedAndNeverSent) {
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  const PendingCommit overdue = Apply(Write("b"), absl::Now());
  const PendingCommit overdue_behind_its_session = Apply(Write("a"), absl::Now());
  for (const PendingCommit& commit : {overdue, overdue_behind_its_session}) {
    EXPECT_EQ(commit.status().code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(OutcomeOf(commit.status()), Outcome::kNotApplied);
  }
  const PendingCommit next = Apply(Write("a"));
  store().Release();
  EXPECT_EQ(next.Await()[0]->revision, 2U);
  EXPECT_THAT(Batches(), ElementsAre(1, 1));
}

TEST_F(BatchingBackendTest, CommitOverdueAtWorkIsInDoubtAndTheOthersOfItsBatchAreNot) {
  options().large_call = 2;
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  const PendingCommit patient = Apply(Write("b"));
  const PendingCommit overdue = Apply({Write("c"), Write("d")}, absl::Now());
  ASSERT_THAT(Batches(), ElementsAre(1, 3));
  EXPECT_EQ(overdue.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(OutcomeOf(overdue.status()), Outcome::kUnknown);
  EXPECT_FALSE(patient.given());
  store().Release();
  EXPECT_TRUE(patient.status().ok());
}

TEST_F(BatchingBackendTest, NothingOvertakesACommitInDoubt) {
  options().limits.calls = 2;
  store().Hold();
  const PendingCommit overdue = Apply(Write("a"), absl::Now());
  EXPECT_EQ(OutcomeOf(overdue.status()), Outcome::kUnknown);
  const PendingCommit next = Apply(Write("a"));
  EXPECT_THAT(Batches(), ElementsAre(1));
  store().Release();
  EXPECT_EQ(next.Await()[0]->revision, 2U);
}

TEST_F(BatchingBackendTest, StuckBatchHoldsUpNobodyForLongerThanTheHold) {
  options().hold = absl::Milliseconds(1);
  store().Hold();
  const PendingCommit stuck = Apply(Write("a"));
  const PendingCommit other = Apply(Write("b"));
  store().AwaitCalls(2);
  EXPECT_FALSE(stuck.given());
}

TEST_F(BatchingBackendTest, LockedCommitGoesAgainByItselfAndKeepsNoPlace) {
  store().Hold();
  store().FailNextCommits(SessionLocked());
  const PendingCommit locked = Apply(Write("a"));
  const PendingCommit next = Apply(Write("a"));
  ASSERT_TRUE(store().ReleaseOne());
  EXPECT_FALSE(locked.given());
  EXPECT_THAT(Batches(), ElementsAre(1, 1));
  const PendingCommit other = Apply(Write("b"));
  EXPECT_THAT(Batches(), ElementsAre(1, 1, 1)) << "it goes though only one batch may be under way";
  store().Release();
  EXPECT_TRUE(other.status().ok());
  EXPECT_EQ(locked.Await()[0]->revision, 1U);
  EXPECT_EQ(next.Await()[0]->revision, 2U);
}

TEST_F(BatchingBackendTest, MembersOfALockedBatchGoAgainEachByItself) {
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  const PendingCommit second = Apply(Write("b"));
  const PendingCommit third = Apply({Write("c"), Write("c")});
  const PendingCommit several = Apply({Write("d"), Write("e")});
  ASSERT_TRUE(store().ReleaseOne());
  store().FailNextCommits(SessionLocked());
  store().Release();
  EXPECT_THAT(Batches(), ElementsAre(1, 5, 1, 2));
  EXPECT_TRUE(second.status().ok());
  ASSERT_THAT(third.Await(), SizeIs(2));
  EXPECT_EQ(third.Await()[1]->revision, 2U);
  EXPECT_TRUE(IsSessionLocked(several.status())) << "a call for several sessions waits for none of them";
}

TEST_F(BatchingBackendTest, CommitThatWaitsForNoLockIsToldOfIt) {
  store().FailNextCommits(SessionLocked());
  Commit commit = Write("a");
  commit.wait_for_lock = false;
  EXPECT_TRUE(IsSessionLocked(Apply(std::move(commit)).status()));
  EXPECT_THAT(Batches(), ElementsAre(1));
}

TEST_F(BatchingBackendTest, ReadThatNeedsMoreThanItsShareIsAskedAgainForAllItMayHave) {
  options().read_share = 100;
  ASSERT_TRUE(Apply(Write("a", std::string(1'000, 'x'))).status().ok());
  const PendingRead whole = Read("a", 1'000);
  ASSERT_TRUE(whole.status().ok());
  EXPECT_EQ(whole.Await()[0]->values[0]->bytes.size(), 1'000U);
  const PendingRead too_large = Read("a", 999);
  EXPECT_EQ(ReasonOf(too_large.status()), std::string(kResponseTooLarge));
}

TEST_F(BatchingBackendTest, ReadsOfOneBatchHaveTheirAnswersBounded) {
  options().read_share = 100;
  options().read_bytes = 250;
  store().Hold();
  std::vector<PendingRead> reads;
  reads.reserve(6);
  for (int i = 0; i < 6; ++i) reads.push_back(Read("a"));
  store().Release();
  EXPECT_THAT(Batches(), ElementsAre(1, 2, 2, 1));
}

TEST_F(BatchingBackendTest, NothingAskedIsAnsweredAtOnce) {
  store().Hold();
  EXPECT_THAT(Apply(std::vector<Commit>()).Await(), IsEmpty());
  EXPECT_THAT(Batches(), IsEmpty());
}

TEST_F(BatchingBackendTest, CloseWaitsForWhatWaits) {
  store().Hold();
  const PendingCommit first = Apply(Write("a"));
  const PendingCommit second = Apply(Write("a"));
  std::thread close([this] { CloseBackend(); });
  store().Release();
  close.join();
  ASSERT_TRUE(first.given());
  ASSERT_TRUE(second.given());
  EXPECT_EQ(second.Await()[0]->revision, 2U);
}

}  // namespace
}  // namespace authstate::storage
