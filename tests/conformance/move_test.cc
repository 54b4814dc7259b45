// What another store needs that serves sessions of this one for a while: leases that it takes and passes on, and
// commits that stand for many of its own.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/error.h"
#include "storage/lease.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/lease_requests.h"

namespace authstate::conformance {
namespace {

using storage::Commit;
using storage::LeaseResult;
using storage::RecentCommits;

constexpr std::uint64_t kHome = storage::kFencesOfAHome;

Commit Carrying(std::uint64_t revision, Commit commit, RecentCommits recent = {}) {
  commit.carried = Commit::Carried{revision, std::move(recent)};
  return commit;
}

Commit OneKey(std::string session_id, std::string value) {
  return SetKeys(std::move(session_id), {{{"t", "1"}, Raw(std::move(value))}});
}

Commit Identified(std::uint64_t id, Commit commit) {
  commit.id = id;
  return commit;
}

Commit WithoutCreds(Commit commit) {
  commit.action = Commit::Action::kWriteWithoutCreds;
  return commit;
}

Commit Numbered(std::uint64_t fence, std::uint64_t number, Commit commit) {
  commit.fence = fence;
  commit.number = number;
  return commit;
}

class MoveTest : public ConformanceTest {
 protected:
  absl::StatusOr<LeaseResult> Do(LeaseRequest request) {
    Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
    std::vector<LeaseRequest> requests;
    requests.push_back(std::move(request));
    backend().Leases(std::move(requests), Soon(), answer.Done());
    auto results = answer.Await();
    return std::move(results.front());
  }
  LeaseResult Must(LeaseRequest request) {
    auto result = Do(std::move(request));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : LeaseResult{};
  }
  // As a store takes a session.
  LeaseResult TakeHome(const std::string& session_id) {
    LeaseRequest request = Acquire(session_id, "home:x", storage::kEndlessLease);
    request.fence_step = kHome;
    return Must(std::move(request));
  }
};

TEST_F(MoveTest, HomeIsAheadOfTheFencesThatItMayGive) {
  Must(Acquire("s", "a"));
  Must(Release("s", 1));
  EXPECT_EQ(TakeHome("s").lease.fence, 2 + kHome);
  EXPECT_EQ(TakeHome("new").lease.fence, kHome);
  EXPECT_EQ(TakeHome("new").lease.fence, kHome);
  EXPECT_EQ(Must(Steal("new", "b")).lease.fence, kHome + 1);
}

TEST_F(MoveTest, HomeHasNoEnd) {
  TakeHome("s");
  EXPECT_GT(Must(Get("s")).lease.remaining, absl::Hours(24 * 365 * 500));
  EXPECT_TRUE(StatusIs(Do(Acquire("s", "b")).status(), absl::StatusCode::kFailedPrecondition, storage::kLeaseHeld));
  EXPECT_TRUE(StatusIs(Apply(OneKey("s", "v")).status(), absl::StatusCode::kFailedPrecondition, storage::kLeaseHeld));
  // The refusal names no fence, as anybody could write under it.
  EXPECT_EQ(storage::FenceOf(Do(Acquire("s", "b")).status()), std::nullopt);
}

TEST_F(MoveTest, PassedLeaseIsThatOfItsOwnerUnderTheNextFence) {
  const std::uint64_t home = TakeHome("s").lease.fence;
  const LeaseResult passed = Must(Pass("s", home, "a", 7));
  EXPECT_EQ(passed.lease.owner, "a");
  EXPECT_EQ(passed.lease.fence, 7U);
  EXPECT_TRUE(Must(Get("s")).lease.live());
  EXPECT_LE(Must(Get("s")).lease.remaining, kLong);
  EXPECT_TRUE(
      StatusIs(Do(Pass("s", home, "b", 9)).status(), absl::StatusCode::kFailedPrecondition, storage::kStaleFence));
  MustApply(Numbered(7, 1, OneKey("s", "v")));
}

TEST_F(MoveTest, PassedToNobodyIsFree) {
  const std::uint64_t home = TakeHome("s").lease.fence;
  const LeaseResult passed = Must(Pass("s", home, "", 3));
  EXPECT_FALSE(passed.lease.held());
  EXPECT_EQ(passed.lease.fence, 3U);
  MustApply(OneKey("s", "v"));
  EXPECT_EQ(Must(Acquire("s", "b")).lease.fence, 4U);
}

TEST_F(MoveTest, ExpiredLeaseIsPassedAsExpired) {
  const std::uint64_t home = TakeHome("s").lease.fence;
  Must(Pass("s", home, "a", 3, -absl::Seconds(5)));
  EXPECT_TRUE(Must(Get("s")).lease.held());
  EXPECT_FALSE(Must(Get("s")).lease.live());
  EXPECT_EQ(Must(Renew("s", 3)).lease.owner, "a");
}

TEST_F(MoveTest, WhatWasAppliedCountsUnderThePassedFence) {
  const std::uint64_t fence = Must(Acquire("s", "a")).lease.fence;
  MustApply(Numbered(fence, 1, OneKey("s", "one")));
  const LeaseResult home = Must(Pass("s", fence, "home:x", fence + kHome, storage::kEndlessLease));
  EXPECT_EQ(home.applied_number, 1U);
  EXPECT_TRUE(StatusIs(Apply(Numbered(fence, 2, OneKey("s", "late"))).status(), absl::StatusCode::kFailedPrecondition,
                       storage::kStaleFence));
  MustApply(Numbered(home.lease.fence, 2, OneKey("s", "two")));
  LeaseRequest back = Pass("s", home.lease.fence, "a", fence);
  back.applied_number = 5;
  EXPECT_EQ(Must(back).applied_number, 5U);
  MustApply(Numbered(fence, 6, OneKey("s", "six")));
  EXPECT_EQ(Must(Get("s")).applied_number, 6U);
}

TEST_F(MoveTest, PassIsRefusedWhereNotAllWasApplied) {
  const std::uint64_t home = TakeHome("s").lease.fence;
  MustApply(Numbered(home, 1, OneKey("s", "one")));
  LeaseRequest back = Pass("s", home, "a", 3);
  for (const std::uint64_t number : {0U, 2U}) {
    back.expected_number = number;
    EXPECT_TRUE(StatusIs(Do(back).status(), absl::StatusCode::kFailedPrecondition, storage::kNumberGap));
    EXPECT_EQ(Must(Get("s")).lease.fence, home);
  }
  back.expected_number = 1;
  EXPECT_EQ(Must(back).lease.fence, 3U);
}

// A home may have given revisions that it did not bring here, and what is written now is not what they were.
TEST_F(MoveTest, RevisionLeapsWhereAHomeLosesItsSession) {
  for (const bool steals : {true, false}) {
    const std::string id = steals ? "stolen" : "released";
    MustApply(OneKey(id, "v"));
    const std::uint64_t home = TakeHome(id).lease.fence;
    EXPECT_EQ(Must(Get(id)).revision, 1U);
    const LeaseResult lost = Must(steals ? Steal(id, "b") : Release(id, home));
    EXPECT_EQ(lost.revision, 1 + storage::kRevisionsOfAHome);
    EXPECT_EQ(MustRead(id).revision, lost.revision);
    Commit commit = OneKey(id, "w");
    commit.fence = steals ? lost.lease.fence : 0;
    commit.expected_revision = 1;
    EXPECT_TRUE(StatusIs(Apply(commit).status(), absl::StatusCode::kAborted, storage::kRevisionMismatch));
    commit.expected_revision.reset();
    EXPECT_EQ(MustApply(commit), lost.revision + 1);
    EXPECT_EQ(Key(id, {"t", "1"}), Raw("w"));
  }
}

TEST_F(MoveTest, RevisionStaysWhereAHomePassesItsSessionOn) {
  MustApply(OneKey("s", "v"));
  const std::uint64_t home = TakeHome("s").lease.fence;
  EXPECT_EQ(TakeHome("s").revision, 1U);
  EXPECT_EQ(Must(Pass("s", home, "a", 3)).revision, 1U);
  EXPECT_EQ(Must(Steal("s", "b")).revision, 1U);
}

TEST_F(MoveTest, LeaseTellsTheLastCommits) {
  MustApply(Identified(1, OneKey("s", "v")));
  const LeaseResult first = Must(Acquire("s", "a"));
  EXPECT_EQ(first.recent.Find(1), std::optional<std::uint64_t>(1));
  EXPECT_GT(first.update_time, absl::UnixEpoch());
  EXPECT_EQ(Must(Renew("s", first.lease.fence)).update_time, first.update_time);
  MustApply(Identified(2, Numbered(first.lease.fence, 1, DeleteSession("s"))));
  const LeaseResult deleted = Must(Get("s"));
  EXPECT_EQ(deleted.recent.Find(1), std::optional<std::uint64_t>(1));
  EXPECT_EQ(deleted.recent.Find(2), std::optional<std::uint64_t>(2));
  EXPECT_GT(deleted.update_time, first.update_time);
  EXPECT_EQ(Must(Get("never written")).recent.Find(1), std::nullopt);
}

TEST_F(MoveTest, ListNamesTheSessionsOfOneOwner) {
  Must(Acquire("a", "team:x", storage::kEndlessLease));
  Must(Acquire("b", "team:y"));
  Must(Acquire("c", "client"));
  MustApply(OneKey("d", "v"));
  storage::ListRequest request{"", "", 10};
  request.leased = true;
  request.owner_prefix = "team:x";
  EXPECT_EQ(ListIds(request), (std::vector<std::string>{"a"}));
  request.owner_prefix = "team:";
  EXPECT_EQ(ListIds(request), (std::vector<std::string>{"a", "b"}));
}

TEST_F(MoveTest, RevisionIsCarriedOver) {
  MustApply(OneKey("s", "v"));
  EXPECT_EQ(MustApply(Carrying(7, OneKey("s", "w"))), 7U);
  EXPECT_EQ(MustRead("s").revision, 7U);
  EXPECT_EQ(MustApply(OneKey("s", "x")), 8U);
  EXPECT_EQ(MustApply(Carrying(9, OneKey("new", "v"))), 9U);
  EXPECT_EQ(Key("new", {"t", "1"}), Raw("v"));
  EXPECT_EQ(MustApply(OneKey("new", "w")), 10U);
}

TEST_F(MoveTest, RevisionThatWasPassedIsRefused) {
  MustApply(OneKey("s", "v"));
  MustApply(OneKey("s", "w"));
  for (const std::uint64_t revision : {1U, 2U}) {
    const auto refused = Apply(Carrying(revision, OneKey("s", "old")));
    EXPECT_TRUE(StatusIs(refused.status(), absl::StatusCode::kAborted, storage::kRevisionMismatch));
    EXPECT_TRUE(IsNotApplied(refused.status()));
  }
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("w"));
}

TEST_F(MoveTest, NumberedCommitIsCarriedOverOnce) {
  const std::uint64_t home = TakeHome("s").lease.fence;
  const Commit commit = Identified(77, Carrying(5, Numbered(home, 1, OneKey("s", "v"))));
  EXPECT_EQ(MustApply(commit), 5U);
  EXPECT_EQ(MustApply(commit), 5U);
  // Answered with what the first one came to.
  EXPECT_EQ(MustApply(Identified(78, Carrying(6, Numbered(home, 1, OneKey("s", "w"))))), 5U);
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("v"));
}

TEST_F(MoveTest, RecentCommitsAreCarriedOver) {
  MustApply(Identified(1, OneKey("s", "v")));
  RecentCommits recent;
  recent.Add(2, 3);
  recent.Add(3, 5);
  MustApply(Identified(77, Carrying(6, OneKey("s", "w"), recent)));
  EXPECT_EQ(MustApply(Identified(2, OneKey("s", "again"))), 3U);
  EXPECT_EQ(MustApply(Identified(3, OneKey("s", "again"))), 5U);
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("w"));
  const auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->recent_commits().Encode(), recent.Encode());
  EXPECT_EQ(MustApply(Identified(77, OneKey("s", "x"))), 7U);
}

TEST_F(MoveTest, NoRecentCommitsAreCarriedOver) {
  MustApply(Identified(1, OneKey("s", "v")));
  MustApply(Carrying(6, OneKey("s", "w")));
  EXPECT_EQ(MustApply(Identified(1, OneKey("s", "x"))), 7U);
}

TEST_F(MoveTest, WriteWithoutCredsDeletesThem) {
  MustApply(SetCreds("s", Json("{}")));
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("v")}, {{"t", "2"}, Raw("v")}}));
  Commit commit = WithoutCreds(SetKeys("s", {{{"t", "2"}, Raw("w")}, {{"t", "3"}, Raw("w")}}));
  commit.deletes = {{"t", "1"}};
  EXPECT_EQ(MustApply(commit), 3U);
  WholeSession expected;
  expected.revision = 3;
  expected.keys = {{{"t", "2"}, Raw("w")}, {{"t", "3"}, Raw("w")}};
  EXPECT_EQ(Whole("s"), expected);
  EXPECT_EQ(MustApply(WithoutCreds(ClearKeys("s", {{{"t", "4"}, Raw("x")}}))), 4U);
  EXPECT_EQ(Key("s", {"t", "2"}), std::nullopt);
  MustApply(SetCreds("s", Json("{}")));
  EXPECT_EQ(Whole("s")->keys.size(), 1U);
  EXPECT_TRUE(Apply(DeleteCreds("s")).ok());
}

TEST_F(MoveTest, WriteWithoutCredsMakesTheSession) {
  EXPECT_EQ(MustApply(WithoutCreds(OneKey("s", "v"))), 1U);
  EXPECT_TRUE(MustRead("s").exists);
  EXPECT_FALSE(MustRead("s").creds.has_value());
}

TEST_F(MoveTest, DeletionOfNothingIsCarriedOver) {
  EXPECT_EQ(MustApply(Carrying(4, DeleteSession("s"))), 4U);
  EXPECT_FALSE(MustRead("s").exists);
  EXPECT_EQ(MustRead("s").revision, 4U);
  EXPECT_EQ(MustApply(OneKey("s", "v")), 5U);
  EXPECT_EQ(MustApply(Carrying(9, DeleteSession("s"))), 9U);
  EXPECT_FALSE(MustRead("s").exists);
}

TEST_F(MoveTest, StoreKnowsWhichItIs) {
  if (backend().Describe().store_id.empty()) return;
  const std::string id = backend().Describe().store_id;
  EXPECT_EQ(id.size(), 32U);
  if (!store().durable()) return;
  Reopen();
  EXPECT_EQ(backend().Describe().store_id, id);
}

}  // namespace
}  // namespace authstate::conformance
