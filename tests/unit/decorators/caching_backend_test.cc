#include "storage/decorators/caching_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/error.h"
#include "tests/unit/decorators/held_store.h"
#include "tests/unit/decorators/pending.h"

namespace authstate::storage {
namespace {

const KeyName kKey = {"session", "1"};
const KeyName kOtherKey = {"session", "2"};

Commit Write(std::string session_id, std::string bytes, std::uint64_t fence = 0) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.sets = {{kKey, {ValueKind::kRaw, std::move(bytes)}}};
  commit.fence = fence;
  return commit;
}

class CachingBackendTest : public testing::Test {
 protected:
  ~CachingBackendTest() override { control_.Release(); }

  StoreControl& store() { return control_; }
  Backend& backend() {
    if (backend_ == nullptr) backend_ = NewCachingBackend(std::make_unique<HeldStore>(&control_), capacity_);
    return *backend_;
  }
  void set_capacity(std::size_t bytes) { capacity_ = bytes; }

  Pending<Applied> BeginApply(Commit commit) {
    Pending<Applied> pending;
    backend().Apply({std::move(commit)}, absl::InfiniteFuture(), pending.Done());
    return pending;
  }
  absl::StatusOr<Applied> Apply(Commit commit) { return BeginApply(std::move(commit)).Await().front(); }

  static ReadRequest Request(std::string session_id, std::uint64_t fence = 0) {
    ReadRequest request;
    request.session_id = std::move(session_id);
    request.want_creds = true;
    request.keys = {kKey, kOtherKey};
    request.fence = fence;
    return request;
  }
  Pending<ReadResult> BeginRead(ReadRequest request) {
    Pending<ReadResult> pending;
    backend().Read({std::move(request)}, absl::InfiniteFuture(), pending.Done());
    return pending;
  }
  absl::StatusOr<ReadResult> Read(ReadRequest request) { return BeginRead(std::move(request)).Await().front(); }
  // The value of kKey; empty when it is absent.
  static std::string KeyOf(const absl::StatusOr<ReadResult>& result) {
    if (!result.ok()) return std::string(result.status().message());
    return result->values[0].has_value() ? result->values[0]->bytes : "";
  }
  std::string Key(std::string session_id, std::uint64_t fence = 0) {
    return KeyOf(Read(Request(std::move(session_id), fence)));
  }
  // Reads and tells whether the store was asked.
  bool AsksTheStore(ReadRequest request) {
    const std::size_t before = store().calls().size();
    (void)Read(std::move(request));
    return store().calls().size() > before;
  }

  std::uint64_t Lease(LeaseRequest::Action action, std::string owner, std::uint64_t fence = 0) {
    LeaseRequest request;
    request.session_id = "a";
    request.action = action;
    request.owner = std::move(owner);
    request.ttl = absl::Hours(1);
    request.steal = true;
    request.fence = fence;
    Pending<LeaseResult> pending;
    backend().Leases({std::move(request)}, absl::InfiniteFuture(), pending.Done());
    EXPECT_TRUE(pending.status().ok()) << pending.status();
    return pending.Await().front()->lease.fence;
  }

 private:
  StoreControl control_;
  std::size_t capacity_ = std::size_t{1} << 20;
  std::unique_ptr<Backend> backend_;
};

TEST_F(CachingBackendTest, WhatWasReadIsKnownAbsenceIncluded) {
  ASSERT_TRUE(Apply(Write("a", "v")).ok());
  const auto first = Read(Request("a"));
  store().Hold();
  const auto second = Read(Request("a"));
  for (const auto& result : {first, second}) {
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->exists);
    EXPECT_EQ(result->revision, 1U);
    EXPECT_EQ(result->creds, std::nullopt);
    ASSERT_EQ(result->values.size(), 2U);
    EXPECT_EQ(KeyOf(result), "v");
    EXPECT_EQ(result->values[1], std::nullopt);
  }
}

TEST_F(CachingBackendTest, SessionThatIsNotThereIsKnownNotToBe) {
  EXPECT_TRUE(AsksTheStore(Request("a")));
  EXPECT_FALSE(AsksTheStore(Request("a")));
  EXPECT_FALSE(Read(Request("a"))->exists);
}

TEST_F(CachingBackendTest, OnlyWhatIsNotKnownIsAskedFor) {
  ASSERT_TRUE(Apply(Write("b", "v")).ok());
  EXPECT_EQ(Key("a"), "");
  Pending<ReadResult> both;
  backend().Read({Request("b"), Request("a"), Request("b")}, absl::InfiniteFuture(), both.Done());
  EXPECT_EQ(store().calls().back().members, 2U);
  ASSERT_EQ(both.Await().size(), 3U);
  EXPECT_EQ(KeyOf(both.Await()[0]), "v");
  EXPECT_EQ(KeyOf(both.Await()[1]), "");
  EXPECT_EQ(KeyOf(both.Await()[2]), "v");
}

TEST_F(CachingBackendTest, AcknowledgedCommitChangesWhatIsKnown) {
  EXPECT_EQ(Key("a"), "");
  ASSERT_TRUE(Apply(Write("a", "1")).ok());
  EXPECT_FALSE(AsksTheStore(Request("a")));
  EXPECT_EQ(Key("a"), "1");
  EXPECT_EQ(Read(Request("a"))->revision, 1U);
  EXPECT_TRUE(Read(Request("a"))->exists);
}

TEST_F(CachingBackendTest, RefusedCommitLeavesNoTrace) {
  ASSERT_TRUE(Apply(Write("a", "1")).ok());
  EXPECT_EQ(Key("a"), "1");
  store().FailNextCommits(WithOutcome(absl::UnavailableError("no"), Outcome::kNotApplied));
  EXPECT_FALSE(Apply(Write("a", "2")).ok());
  EXPECT_TRUE(AsksTheStore(Request("a")));
  EXPECT_EQ(Key("a"), "1");
  EXPECT_EQ(Read(Request("a"))->revision, 1U);
}

TEST_F(CachingBackendTest, SessionWithACommitInDoubtIsNeverAnsweredFromMemoryAgain) {
  ASSERT_TRUE(Apply(Write("a", "1")).ok());
  EXPECT_EQ(Key("a"), "1");
  store().FailNextCommits(WithOutcome(absl::UnavailableError("who knows"), Outcome::kUnknown));
  EXPECT_FALSE(Apply(Write("a", "2")).ok());
  EXPECT_EQ(Key("a"), "1");
  ASSERT_TRUE(Apply(Write("a", "3")).ok());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(AsksTheStore(Request("a")));
  EXPECT_EQ(Key("a"), "3");
}

TEST_F(CachingBackendTest, NothingIsKnownWhileACommitIsUnderWay) {
  EXPECT_EQ(Key("a"), "");
  store().Hold();
  const auto commit = BeginApply(Write("a", "1"));
  const auto read = BeginRead(Request("a"));
  EXPECT_FALSE(read.given());
  store().Release();
  EXPECT_EQ(KeyOf(read.Await()[0]), "1");
}

TEST_F(CachingBackendTest, ReadBesideACommitFillsNothing) {
  store().Hold();
  const auto before = BeginRead(Request("a"));
  const auto commit = BeginApply(Write("a", "1"));
  ASSERT_TRUE(store().ReleaseOne());
  EXPECT_EQ(KeyOf(before.Await()[0]), "");
  const auto during = BeginRead(Request("a"));
  store().Release();
  EXPECT_TRUE(commit.status().ok());
  EXPECT_EQ(KeyOf(during.Await()[0]), "1");
  EXPECT_TRUE(AsksTheStore(Request("a")));
  EXPECT_EQ(Key("a"), "1");
}

TEST_F(CachingBackendTest, CommitAppliedBeforeChangesNothingThatIsKnown) {
  Commit commit = Write("a", "1");
  commit.id = 7;
  ASSERT_TRUE(Apply(commit).ok());
  ASSERT_TRUE(Apply(Write("a", "2")).ok());
  EXPECT_EQ(Key("a"), "2");
  EXPECT_EQ(Apply(commit)->revision, 1U);
  EXPECT_EQ(Key("a"), "2");
}

TEST_F(CachingBackendTest, TwoCommitsAtOnceMakeItForget) {
  EXPECT_EQ(Key("a"), "");
  store().Hold();
  const auto first = BeginApply(Write("a", "1"));
  const auto second = BeginApply(Write("a", "2"));
  store().Release();
  EXPECT_TRUE(AsksTheStore(Request("a")));
  EXPECT_EQ(Key("a"), "2");
}

TEST_F(CachingBackendTest, DeletedSessionIsKnownToBeGone) {
  ASSERT_TRUE(Apply(Write("a", "1")).ok());
  EXPECT_EQ(Key("a"), "1");
  Commit deletion;
  deletion.session_id = "a";
  deletion.action = Commit::Action::kDeleteSession;
  ASSERT_TRUE(Apply(deletion).ok());
  EXPECT_FALSE(AsksTheStore(Request("a")));
  EXPECT_EQ(Key("a"), "");
  EXPECT_FALSE(Read(Request("a"))->exists);
}

TEST_F(CachingBackendTest, FenceIsKnownOnceTheStoreHasAcknowledgedIt) {
  const std::uint64_t fence = Lease(LeaseRequest::Action::kAcquire, "me");
  EXPECT_EQ(Key("a"), "");
  EXPECT_TRUE(AsksTheStore(Request("a", fence)));
  EXPECT_FALSE(AsksTheStore(Request("a", fence)));
  ASSERT_TRUE(Apply(Write("a", "1", fence)).ok());
  EXPECT_FALSE(AsksTheStore(Request("a", fence)));
  EXPECT_EQ(Key("a", fence), "1");
}

TEST_F(CachingBackendTest, StaleFenceIsRefusedWhateverIsKnown) {
  const std::uint64_t fence = Lease(LeaseRequest::Action::kAcquire, "me");
  EXPECT_EQ(Key("a", fence), "");
  Lease(LeaseRequest::Action::kAcquire, "other");
  EXPECT_EQ(ReasonOf(Read(Request("a", fence)).status()), std::string(kStaleFence));
  EXPECT_FALSE(AsksTheStore(Request("a"))) << "a lease changes nothing for who names no fence";
}

TEST_F(CachingBackendTest, FenceIsAskedForAgainAfterAnyChangeOfTheLease) {
  const std::uint64_t fence = Lease(LeaseRequest::Action::kAcquire, "me");
  EXPECT_EQ(Key("a", fence), "");
  Lease(LeaseRequest::Action::kRenew, "me", fence);
  EXPECT_TRUE(AsksTheStore(Request("a", fence)));
  EXPECT_FALSE(AsksTheStore(Request("a", fence)));
  Lease(LeaseRequest::Action::kRelease, "me", fence);
  EXPECT_EQ(ReasonOf(Read(Request("a", fence)).status()), std::string(kStaleFence));
}

TEST_F(CachingBackendTest, AnswerBeyondItsBoundIsRefusedFromMemoryToo) {
  ASSERT_TRUE(Apply(Write("a", "12345")).ok());
  EXPECT_EQ(Key("a"), "12345");
  ReadRequest request = Request("a");
  request.max_bytes = 4;
  EXPECT_EQ(ReasonOf(Read(request).status()), std::string(kResponseTooLarge));
  request.max_bytes = 5;
  EXPECT_TRUE(Read(request).ok());
}

TEST_F(CachingBackendTest, SessionNotAskedForTheLongestGoesFirst) {
  // Room for two of these, and not for three.
  set_capacity(25'000);
  for (const char* session : {"a", "b", "c"}) ASSERT_TRUE(Apply(Write(session, std::string(10'000, 'x'))).ok());
  (void)Key("a");
  (void)Key("b");
  (void)Key("a");
  (void)Key("c");
  EXPECT_FALSE(AsksTheStore(Request("a")));
  EXPECT_FALSE(AsksTheStore(Request("c")));
  EXPECT_TRUE(AsksTheStore(Request("b")));
}

TEST_F(CachingBackendTest, SessionLargerThanTheCacheIsNotKept) {
  set_capacity(5'000);
  ASSERT_TRUE(Apply(Write("a", std::string(10'000, 'x'))).ok());
  EXPECT_TRUE(AsksTheStore(Request("a")));
  EXPECT_TRUE(AsksTheStore(Request("a")));
  EXPECT_TRUE(AsksTheStore(Request("b")));
  EXPECT_FALSE(AsksTheStore(Request("b")));
}

TEST_F(CachingBackendTest, OverdueReadFailsAlsoWhenTheAnswerIsKnown) {
  EXPECT_EQ(Key("a"), "");
  Pending<ReadResult> overdue;
  backend().Read({Request("a")}, absl::InfinitePast(), overdue.Done());
  EXPECT_EQ(overdue.status().code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace authstate::storage
