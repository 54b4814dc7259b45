// Leases: one owner, a fence that only grows, and commits and reads that are held to it.
#include "storage/lease.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/lease_requests.h"

namespace authstate::conformance {
namespace {

using storage::Commit;
using storage::LeaseResult;

constexpr absl::Duration kShort = absl::Milliseconds(1);

Commit Under(std::uint64_t fence, Commit commit) {
  commit.fence = fence;
  return commit;
}

Commit OneKey(std::string session_id, std::string value) {
  return SetKeys(std::move(session_id), {{{"t", "1"}, Raw(std::move(value))}});
}

Commit Numbered(std::uint64_t fence, std::uint64_t number, Commit commit) {
  commit.number = number;
  return Under(fence, std::move(commit));
}

class LeaseTest : public ConformanceTest {
 protected:
  std::vector<absl::StatusOr<LeaseResult>> Do(std::vector<LeaseRequest> requests) {
    Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
    backend().Leases(std::move(requests), Soon(), answer.Done());
    return answer.Await();
  }

  absl::StatusOr<LeaseResult> Do(LeaseRequest request) {
    std::vector<LeaseRequest> requests;
    requests.push_back(std::move(request));
    auto results = Do(std::move(requests));
    EXPECT_EQ(results.size(), 1U);
    return std::move(results[0]);
  }

  LeaseResult Must(LeaseRequest request) {
    auto result = Do(std::move(request));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : LeaseResult{};
  }

  std::uint64_t FenceOf(LeaseRequest request) { return Must(std::move(request)).lease.fence; }

  // Gives `owner` a lease and waits until the database takes it for expired.
  std::uint64_t AcquireExpired(const std::string& session_id, const std::string& owner) {
    const std::uint64_t fence = FenceOf(Acquire(session_id, owner, kShort));
    while (Must(Get(session_id)).lease.live()) {
    }
    return fence;
  }

  absl::StatusOr<storage::ReadResult> ReadUnder(std::uint64_t fence, std::string session_id) {
    storage::ReadRequest request;
    request.session_id = std::move(session_id);
    request.keys = {{"t", "1"}};
    request.fence = fence;
    return Read(std::move(request));
  }
};

testing::AssertionResult IsHeldBy(const absl::Status& status, const std::string& owner) {
  auto matched = StatusIs(status, absl::StatusCode::kFailedPrecondition, storage::kLeaseHeld);
  if (!matched) return matched;
  if (storage::OwnerOf(status) != owner) return testing::AssertionFailure() << "names another owner: " << status;
  return IsNotApplied(status);
}

testing::AssertionResult IsStale(const absl::Status& status) {
  auto matched = StatusIs(status, absl::StatusCode::kFailedPrecondition, storage::kStaleFence);
  return matched ? IsNotApplied(status) : matched;
}

TEST_F(LeaseTest, NeverHadIsNobodys) {
  const LeaseResult result = Must(Get("s"));
  EXPECT_FALSE(result.lease.held());
  EXPECT_FALSE(result.lease.live());
  EXPECT_EQ(result.lease.fence, 0U);
  EXPECT_EQ(result.revision, 0U);
}

TEST_F(LeaseTest, AcquiredOneHasOwnerFenceAndTime) {
  MustApply(OneKey("s", "v"));
  const LeaseResult acquired = Must(Acquire("s", "a", absl::Seconds(30)));
  EXPECT_EQ(acquired.lease.owner, "a");
  EXPECT_EQ(acquired.lease.fence, 1U);
  EXPECT_EQ(acquired.lease.remaining, absl::Seconds(30));
  EXPECT_EQ(acquired.revision, 1U);
  const LeaseResult found = Must(Get("s"));
  EXPECT_EQ(found.lease.owner, "a");
  EXPECT_EQ(found.lease.fence, 1U);
  EXPECT_EQ(found.lease.expire_time, acquired.lease.expire_time);
  EXPECT_TRUE(found.lease.live());
  EXPECT_LE(found.lease.remaining, absl::Seconds(30));
}

TEST_F(LeaseTest, MakesNoSession) {
  Must(Acquire("s", "a"));
  EXPECT_FALSE(MustRead("s").exists);
  EXPECT_EQ(MustRead("s").revision, 0U);
  EXPECT_TRUE(ListIds({"", "", 10}).empty());
}

TEST_F(LeaseTest, LiveOneIsNotTaken) {
  Must(Acquire("s", "a"));
  EXPECT_TRUE(IsHeldBy(Do(Acquire("s", "b")).status(), "a"));
  EXPECT_EQ(Must(Get("s")).lease.owner, "a");
  EXPECT_EQ(Must(Get("s")).lease.fence, 1U);
}

TEST_F(LeaseTest, OwnerThatAsksAgainKeepsItsFence) {
  const LeaseResult first = Must(Acquire("s", "a", absl::Seconds(10)));
  const LeaseResult second = Must(Acquire("s", "a", absl::Seconds(1000)));
  EXPECT_EQ(second.lease.fence, first.lease.fence);
  EXPECT_GT(second.lease.expire_time, first.lease.expire_time);
}

TEST_F(LeaseTest, StolenOneIsLostToItsOwner) {
  const std::uint64_t old = FenceOf(Acquire("s", "a"));
  const std::uint64_t stolen = FenceOf(Steal("s", "b"));
  EXPECT_GT(stolen, old);
  EXPECT_TRUE(IsStale(Do(Renew("s", old)).status()));
  EXPECT_TRUE(IsStale(Apply(Under(old, OneKey("s", "late"))).status()));
  EXPECT_TRUE(IsStale(ReadUnder(old, "s").status()));
  EXPECT_FALSE(Key("s", {"t", "1"}).has_value());
  EXPECT_EQ(storage::OwnerOf(Do(Renew("s", old)).status()), "b");
  EXPECT_EQ(storage::FenceOf(Do(Renew("s", old)).status()), stolen);
}

TEST_F(LeaseTest, ExpiredOneIsTakenUnderANewFence) {
  const std::uint64_t old = AcquireExpired("s", "a");
  const std::uint64_t taken = FenceOf(Acquire("s", "b"));
  EXPECT_GT(taken, old);
  EXPECT_TRUE(IsStale(Apply(Under(old, OneKey("s", "late"))).status()));
  EXPECT_TRUE(IsStale(Do(Release("s", old)).status()));
  EXPECT_EQ(Must(Get("s")).lease.owner, "b");
}

TEST_F(LeaseTest, ExpiredOneThatNobodyTookIsStillItsOwners) {
  const std::uint64_t fence = AcquireExpired("s", "a");
  EXPECT_EQ(MustApply(Under(fence, OneKey("s", "v"))), 1U);
  EXPECT_TRUE(ReadUnder(fence, "s").ok());
  EXPECT_EQ(FenceOf(Renew("s", fence)), fence);
  EXPECT_TRUE(Must(Get("s")).lease.live());
}

TEST_F(LeaseTest, UnfencedCommitPastAnExpiredOneEndsIt) {
  const std::uint64_t fence = AcquireExpired("s", "a");
  EXPECT_EQ(MustApply(OneKey("s", "tool")), 1U);
  EXPECT_TRUE(IsStale(Do(Renew("s", fence)).status()));
  EXPECT_TRUE(IsStale(Apply(Under(fence, OneKey("s", "late"))).status()));
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("tool"));
  EXPECT_FALSE(Must(Get("s")).lease.held());
}

TEST_F(LeaseTest, UnfencedCommitIsRefusedWhileItIsLive) {
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  MustApply(Under(fence, SetCreds("s", Json("{}"))));
  const auto before = Whole("s");
  EXPECT_TRUE(IsHeldBy(Apply(OneKey("s", "tool")).status(), "a"));
  EXPECT_TRUE(IsHeldBy(Apply(DeleteCreds("s")).status(), "a"));
  EXPECT_TRUE(IsHeldBy(Apply(DeleteSession("s")).status(), "a"));
  EXPECT_TRUE(IsHeldBy(Apply(At(1, OneKey("s", "tool"))).status(), "a"));
  EXPECT_EQ(Whole("s"), before);
}

TEST_F(LeaseTest, UnfencedReadIsAnsweredWhileItIsLive) {
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  MustApply(Under(fence, OneKey("s", "v")));
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("v"));
}

TEST_F(LeaseTest, ReleasedOneIsFreeAtOnce) {
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  const LeaseResult released = Must(Release("s", fence));
  EXPECT_FALSE(released.lease.held());
  EXPECT_GT(released.lease.fence, fence);
  EXPECT_TRUE(IsStale(Apply(Under(fence, OneKey("s", "late"))).status()));
  EXPECT_TRUE(IsStale(Apply(Under(released.lease.fence, OneKey("s", "guess"))).status()));
  MustApply(OneKey("s", "tool"));
  EXPECT_GT(FenceOf(Acquire("s", "b")), released.lease.fence);
}

TEST_F(LeaseTest, FenceNeverRepeatsAlsoPastDeletion) {
  const std::uint64_t first = FenceOf(Acquire("s", "a"));
  MustApply(Under(first, OneKey("s", "v")));
  MustApply(Under(first, DeleteSession("s")));
  EXPECT_EQ(Must(Get("s")).lease.owner, "a");
  Must(Release("s", first));
  EXPECT_GT(FenceOf(Acquire("s", "a")), first);
}

TEST_F(LeaseTest, OutlivesTheBackend) {
  if (!store().durable()) return;
  const LeaseResult acquired = Must(Acquire("s", "a"));
  Reopen();
  const LeaseResult found = Must(Get("s"));
  EXPECT_EQ(found.lease.owner, "a");
  EXPECT_EQ(found.lease.fence, acquired.lease.fence);
  EXPECT_TRUE(found.lease.live());
  EXPECT_TRUE(IsHeldBy(Do(Acquire("s", "b")).status(), "a"));
}

TEST_F(LeaseTest, FenceThatWasNeverGivenIsStale) {
  EXPECT_TRUE(IsStale(Apply(Under(1, OneKey("s", "v"))).status()));
  EXPECT_TRUE(IsStale(ReadUnder(1, "s").status()));
  EXPECT_TRUE(IsStale(Do(Renew("s", 1)).status()));
  EXPECT_TRUE(IsStale(Do(Release("s", 1)).status()));
  Must(Acquire("s", "a"));
  EXPECT_TRUE(IsStale(Apply(Under(2, OneKey("s", "v"))).status()));
  EXPECT_FALSE(MustRead("s").exists);
}

TEST_F(LeaseTest, StaleFenceIsToldBeforeAnotherRevision) {
  const std::uint64_t old = FenceOf(Acquire("s", "a"));
  Must(Steal("s", "b"));
  EXPECT_TRUE(IsStale(Apply(Under(old, At(7, OneKey("s", "v")))).status()));
}

TEST_F(LeaseTest, BelongsToOneSession) {
  const std::uint64_t fence = FenceOf(Acquire("one", "a"));
  MustApply(OneKey("two", "v"));
  EXPECT_TRUE(IsStale(Apply(Under(fence, OneKey("two", "v"))).status()));
  EXPECT_EQ(FenceOf(Acquire("two", "b")), 1U);
}

TEST_F(LeaseTest, SnapshotCarriesIt) {
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  MustApply(Under(fence, OneKey("s", "v")));
  const auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_TRUE(CheckFence((*snapshot)->lease(), fence).ok());
  EXPECT_TRUE(IsStale(CheckFence((*snapshot)->lease(), fence + 1)));
}

TEST_F(LeaseTest, BatchAnswersEveryMemberOnItsOwn) {
  Must(Acquire("held", "a"));
  const auto results = Do({Acquire("x", "b"), Acquire("held", "b"), Renew("y", 5), Get("held"), Acquire("z", "b")});
  ASSERT_EQ(results.size(), 5U);
  EXPECT_TRUE(results[0].ok());
  EXPECT_TRUE(IsHeldBy(results[1].status(), "a"));
  EXPECT_TRUE(IsStale(results[2].status()));
  ASSERT_TRUE(results[3].ok());
  EXPECT_EQ(results[3]->lease.owner, "a");
  EXPECT_TRUE(results[4].ok());
}

TEST_F(LeaseTest, RequestsOfOneSessionTakePlaceInOrder) {
  const auto results = Do({Acquire("s", "a"), Renew("s", 1), Release("s", 1), Acquire("s", "b"), Get("s")});
  ASSERT_EQ(results.size(), 5U);
  for (const auto& result : results) ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(results[4]->lease.owner, "b");
  EXPECT_EQ(results[4]->lease.fence, results[3]->lease.fence);
}

TEST_F(LeaseTest, BatchOfCommitsRefusesOnlyTheStaleOnes) {
  const std::uint64_t fence = FenceOf(Acquire("good", "a"));
  const std::uint64_t old = FenceOf(Acquire("bad", "a"));
  Must(Steal("bad", "b"));
  const auto results = Apply({Under(fence, OneKey("good", "v")), Under(old, OneKey("bad", "v")), OneKey("free", "v")});
  EXPECT_TRUE(results[0].ok());
  EXPECT_TRUE(IsStale(results[1].status()));
  EXPECT_TRUE(results[2].ok());
}

TEST_F(LeaseTest, OneOfManyContendersWins) {
  constexpr int kContenders = 8;
  std::vector<absl::StatusOr<LeaseResult>> results(kContenders, absl::UnknownError("not asked"));
  std::vector<std::thread> threads;
  threads.reserve(kContenders);
  for (int i = 0; i < kContenders; ++i) {
    threads.emplace_back([&, i] { results[i] = Do(Acquire("s", absl::StrCat("owner", i))); });
  }
  for (std::thread& thread : threads) thread.join();
  const auto won = std::count_if(results.begin(), results.end(), [](const auto& result) { return result.ok(); });
  EXPECT_EQ(won, 1);
  EXPECT_EQ(Must(Get("s")).lease.fence, 1U);
}

// Owners steal the session from each other while all of them write: every applied commit was under the fence of its
// moment, so the last value of each fence's owner is never followed by one of an older fence.
TEST_F(LeaseTest, NoCommitOfAnOldFenceLandsAfterASteal) {
  constexpr int kOwners = 4;
  constexpr int kSteals = 15;
  std::atomic<int> reversals = 0;
  std::vector<std::thread> threads;
  threads.reserve(kOwners);
  for (int i = 0; i < kOwners; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kSteals; ++round) {
        const std::uint64_t fence = FenceOf(Steal("s", absl::StrCat("owner", i, ".", round)));
        for (int write = 0; write < 3; ++write) {
          if (!Apply(Under(fence, OneKey("s", std::to_string(fence)))).ok()) break;
          const auto value = Key("s", {"t", "1"});
          // What is read after an acknowledged write of this fence is of this fence or a later one.
          if (!value.has_value() || std::stoull(value->bytes) < fence) ++reversals;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reversals, 0);
  EXPECT_EQ(Must(Get("s")).lease.fence, static_cast<std::uint64_t>(kOwners * kSteals));
}

TEST_F(LeaseTest, NumberedCommitsAreAppliedOnceAndInOrder) {
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  EXPECT_EQ(MustApply(Numbered(fence, 1, OneKey("s", "one"))), 1U);
  EXPECT_EQ(MustApply(Numbered(fence, 2, OneKey("s", "two"))), 2U);
  EXPECT_EQ(MustApply(Numbered(fence, 1, OneKey("s", "one"))), 2U);
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("two"));
  const auto gap = Apply(Numbered(fence, 4, OneKey("s", "four")));
  EXPECT_TRUE(FailsWith(gap, absl::StatusCode::kFailedPrecondition, storage::kNumberGap));
  EXPECT_TRUE(IsNotApplied(gap.status()));
  EXPECT_EQ(Must(Get("s")).applied_number, 2U);
  EXPECT_EQ(MustRead("s").revision, 2U);
}

TEST_F(LeaseTest, NumbersOfOneBatchAreAppliedInOrder) {
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  const auto results = Apply({Numbered(fence, 1, OneKey("s", "one")), Numbered(fence, 2, OneKey("s", "two")),
                              Numbered(fence, 2, OneKey("s", "again")), Numbered(fence, 3, OneKey("s", "three"))});
  for (const auto& result : results) EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("three"));
  EXPECT_EQ(MustRead("s").revision, 3U);
}

TEST_F(LeaseTest, NumbersBeginAnewUnderANewFence) {
  const std::uint64_t first = FenceOf(Acquire("s", "a"));
  MustApply(Numbered(first, 1, OneKey("s", "one")));
  MustApply(Numbered(first, 2, OneKey("s", "two")));
  EXPECT_EQ(Must(Acquire("s", "a")).applied_number, 2U);
  const LeaseResult stolen = Must(Steal("s", "b"));
  EXPECT_EQ(stolen.applied_number, 0U);
  EXPECT_TRUE(IsStale(Apply(Numbered(first, 3, OneKey("s", "late"))).status()));
  MustApply(Numbered(stolen.lease.fence, 1, OneKey("s", "first of b")));
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("first of b"));
}

TEST_F(LeaseTest, NumberOfARefusedCommitIsFreeForTheNext) {
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  EXPECT_FALSE(Apply(Numbered(fence, 1, DeleteCreds("s"))).ok());
  EXPECT_EQ(Must(Get("s")).applied_number, 0U);
  MustApply(Numbered(fence, 1, OneKey("s", "v")));
}

TEST_F(LeaseTest, NumbersOutliveTheBackend) {
  if (!store().durable()) return;
  const std::uint64_t fence = FenceOf(Acquire("s", "a"));
  MustApply(Numbered(fence, 1, OneKey("s", "v")));
  Reopen();
  EXPECT_EQ(Must(Renew("s", fence)).applied_number, 1U);
  EXPECT_EQ(MustApply(Numbered(fence, 1, OneKey("s", "again"))), 1U);
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("v"));
}

TEST_F(LeaseTest, PassedDeadlineChangesNothing) {
  Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
  backend().Leases({Acquire("s", "a")}, absl::InfinitePast(), answer.Done());
  const auto results = answer.Await();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_TRUE(FailsWith(results[0], absl::StatusCode::kDeadlineExceeded, storage::kDeadlinePassed));
  EXPECT_FALSE(Must(Get("s")).lease.held());
}

}  // namespace
}  // namespace authstate::conformance
