#include "server/log/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/memory/memory_backend.h"

namespace authstate::server {
namespace {

using storage::Commit;
using storage::LeaseRequest;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

struct Line {
  std::string message;
  std::map<std::string, std::string> fields;
};

class EventLogTest : public testing::Test {
 protected:
  static absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

  // The memory store answers in place.
  storage::LeaseResult Lease(LeaseRequest request) {
    storage::LeaseResult lease;
    log_->Leases({std::move(request)}, Soon(), [&lease](std::vector<absl::StatusOr<storage::LeaseResult>> results) {
      if (results[0].ok()) lease = *results[0];
    });
    return lease;
  }
  storage::LeaseResult Acquire(const std::string& owner, bool steal = false, absl::Duration ttl = absl::Minutes(5)) {
    LeaseRequest request;
    request.session_id = "s";
    request.action = LeaseRequest::Action::kAcquire;
    request.owner = owner;
    request.ttl = ttl;
    request.steal = steal;
    return Lease(request);
  }
  void OfFence(LeaseRequest::Action action, std::uint64_t fence) {
    LeaseRequest request;
    request.session_id = "s";
    request.action = action;
    request.fence = fence;
    request.ttl = absl::Minutes(5);
    Lease(request);
  }
  void Apply(Commit commit) {
    commit.session_id = "s";
    log_->Apply({std::move(commit)}, Soon(), [](const std::vector<absl::StatusOr<storage::Applied>>& /*results*/) {});
  }
  std::vector<Line> TakeLines() { return std::exchange(lines_, {}); }

  const std::unique_ptr<storage::Backend> memory_ = storage::NewMemoryBackend();
  std::vector<Line> lines_;
  const std::shared_ptr<LeaseCounts> counts_ = std::make_shared<LeaseCounts>();
  const std::unique_ptr<storage::Backend> log_ =
      NewEventLog(memory_.get(), counts_, [this](LogLevel level, absl::string_view message, const LogFields& fields) {
        EXPECT_EQ(level, LogLevel::kInfo);
        Line line{std::string(message), {}};
        for (const auto& [name, value] : fields) line.fields.emplace(std::string(name), value);
        lines_.push_back(std::move(line));
      });
};

TEST_F(EventLogTest, ALeaseLeavesALineWhenItIsGainedRefusedAndReleased) {
  const std::uint64_t fence = Acquire("a").lease.fence;
  auto lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].message, "lease gained");
  EXPECT_THAT(lines[0].fields,
              AllOf(Contains(Pair("session_id", "s")), Contains(Pair("owner", "a")),
                    Contains(Pair("fence", absl::StrCat(fence))), Not(Contains(Pair("steal", "yes")))));

  // It is its owner's already, and a renewal is no news.
  Acquire("a");
  OfFence(LeaseRequest::Action::kRenew, fence);
  EXPECT_THAT(TakeLines(), IsEmpty());

  // Who waits asks again and again.
  for (int i = 0; i < 3; ++i) Acquire("b");
  lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0].message, HasSubstr("refused"));
  EXPECT_THAT(lines[0].fields, AllOf(Contains(Pair("refused", "b")), Contains(Pair("owner", "a"))));

  OfFence(LeaseRequest::Action::kRelease, fence);
  lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].message, "lease released");
  EXPECT_THAT(lines[0].fields, AllOf(Contains(Pair("session_id", "s")), Contains(Pair("owner", "a"))));

  // A refusal counts each time, also where it leaves no line.
  EXPECT_EQ(counts_->gained, 1);
  EXPECT_EQ(counts_->refused, 3);
  EXPECT_EQ(counts_->released, 1);
  EXPECT_EQ(counts_->stolen, 0);
}

TEST_F(EventLogTest, AStealNamesBothOwnersAndSoDoesTheLoss) {
  const std::uint64_t fence = Acquire("a").lease.fence;
  Acquire("b", /*steal=*/true);
  auto lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[1].message, "lease gained");
  EXPECT_THAT(lines[1].fields,
              AllOf(Contains(Pair("owner", "b")), Contains(Pair("owner_before", "a")), Contains(Pair("steal", "yes"))));
  OfFence(LeaseRequest::Action::kRenew, fence);
  lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].message, "lease lost");
  EXPECT_THAT(lines[0].fields, AllOf(Contains(Pair("session_id", "s")), Contains(Pair("fence", absl::StrCat(fence))),
                                     Contains(Pair("owner_now", "b"))));
  EXPECT_EQ(counts_->gained, 2);
  EXPECT_EQ(counts_->stolen, 1);
  EXPECT_EQ(counts_->lost, 1);
}

// Who always steals, and finds nobody, has taken nothing from anybody.
TEST_F(EventLogTest, AStealCountsWhereALiveLeaseOfAnotherWasTaken) {
  OfFence(LeaseRequest::Action::kRelease, Acquire("a", /*steal=*/true).lease.fence);
  Acquire("b", /*steal=*/true, absl::Milliseconds(1));
  absl::SleepFor(absl::Milliseconds(2));
  const std::uint64_t fence = Acquire("c", /*steal=*/true, absl::Milliseconds(1)).lease.fence;
  EXPECT_EQ(counts_->gained, 3);
  EXPECT_EQ(counts_->stolen, 0);
  // Which this one is, after its renewal.
  OfFence(LeaseRequest::Action::kRenew, fence);
  Acquire("d", /*steal=*/true);
  EXPECT_EQ(counts_->stolen, 1);
}

TEST_F(EventLogTest, AnOwnerThatRenewsAgainAndAgainHasLostItsLeaseOnce) {
  const std::uint64_t first = Acquire("a").lease.fence;
  const std::uint64_t second = Acquire("b", /*steal=*/true).lease.fence;
  TakeLines();
  for (int i = 0; i < 3; ++i) OfFence(LeaseRequest::Action::kRenew, first);
  EXPECT_THAT(TakeLines(), SizeIs(1));
  EXPECT_EQ(counts_->lost, 1);
  Acquire("c", /*steal=*/true);
  OfFence(LeaseRequest::Action::kRenew, first);
  OfFence(LeaseRequest::Action::kRenew, second);
  EXPECT_EQ(counts_->lost, 2);
}

TEST_F(EventLogTest, WhatTakesStateAwayLeavesALineAndOtherCommitsNone) {
  const std::uint64_t fence = Acquire("a").lease.fence;
  TakeLines();
  Commit commit;
  commit.fence = fence;
  commit.creds = Value{ValueKind::kRaw, "tops3cret"};
  commit.sets.push_back({{"session", "1"}, Value{ValueKind::kRaw, "tops3cret"}});
  Apply(commit);
  EXPECT_THAT(TakeLines(), IsEmpty());

  commit.clear_keys = true;
  Apply(commit);
  auto lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].message, "all keys replaced");
  EXPECT_THAT(lines[0].fields,
              AllOf(Contains(Pair("session_id", "s")), Contains(Pair("owner", "a")), Contains(Pair("keys", "1")),
                    Contains(Pair("creds", "replaced")), Contains(Pair("revision", "2"))));
  EXPECT_THAT(lines[0].fields, Each(Pair(testing::_, Not(HasSubstr("tops3cret")))));

  Commit deletion;
  deletion.fence = fence;
  deletion.action = Commit::Action::kDeleteCreds;
  Apply(deletion);
  deletion.action = Commit::Action::kDeleteSession;
  Apply(deletion);
  // There is none any more: nothing was taken away.
  Apply(deletion);
  lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].message, "creds deleted");
  EXPECT_EQ(lines[1].message, "session deleted");
}

TEST_F(EventLogTest, LinesThatRepeatAreCountedInPlaceOfWritten) {
  Commit commit;
  commit.clear_keys = true;
  // Far more than one second may have, in however many seconds this machine takes for them.
  constexpr int kCommits = 20'000;
  for (int i = 0; i < kCommits; ++i) Apply(commit);
  EXPECT_LT(lines_.size(), std::size_t{kCommits});
  EXPECT_THAT(lines_.front().fields, Not(Contains(Pair("more_unlogged", testing::_))));
}

}  // namespace
}  // namespace authstate::server
