#include "storage/moving/session_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"
#include "storage/moving/same_database.h"
#include "storage/moving/session_comparison.h"
#include "storage/moving/session_digest.h"
#include "storage/sqlite/sqlite_backend.h"
#include "tests/support/temp_dir.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;
using State = CopyResult::State;

enum class Kind : std::uint8_t { kMemory, kSqlite };

struct Pair {
  Kind source;
  Kind target;
};

Value Raw(std::string bytes) { return {ValueKind::kRaw, std::move(bytes)}; }

Commit SetKey(std::string id, std::string bytes) {
  Commit commit;
  commit.session_id = "s";
  commit.sets.push_back({{"pre-key", std::move(id)}, Raw(std::move(bytes))});
  return commit;
}

absl::StatusOr<Applied> Apply(Backend& backend, Commit commit) {
  return AwaitCall<std::vector<absl::StatusOr<Applied>>>(
             [&](auto done) { backend.Apply({std::move(commit)}, absl::InfiniteFuture(), std::move(done)); })
      .front();
}

absl::StatusOr<LeaseResult> Ask(Backend& backend, LeaseRequest request) {
  return AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
             [&](auto done) { backend.Leases({std::move(request)}, absl::InfiniteFuture(), std::move(done)); })
      .front();
}

// Its first Apply or Leases after so many calls is answered as if the database went away, before or after the work.
class Failing final : public ForwardingBackend {
 public:
  using ForwardingBackend::ForwardingBackend;

  void FailAfter(int calls, bool done) {
    left_ = calls;
    done_ = done;
  }
  int calls() const { return calls_; }

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    const std::size_t members = commits.size();
    if (!Fails()) return inner().Apply(std::move(commits), deadline, std::move(done));
    if (!done_) return std::move(done)(std::vector<absl::StatusOr<Applied>>(members, Away()));
    inner().Apply(std::move(commits), deadline, [done = std::move(done)](auto results) mutable {
      for (auto& result : results) result = Away();
      std::move(done)(std::move(results));
    });
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    const std::size_t members = requests.size();
    const bool reads = requests.front().action == LeaseRequest::Action::kGet;
    if (reads || !Fails()) return inner().Leases(std::move(requests), deadline, std::move(done));
    if (!done_) return std::move(done)(std::vector<absl::StatusOr<LeaseResult>>(members, Away()));
    inner().Leases(std::move(requests), deadline, [done = std::move(done)](auto results) mutable {
      for (auto& result : results) result = Away();
      std::move(done)(std::move(results));
    });
  }

 private:
  static absl::Status Away() { return absl::UnavailableError("away"); }
  bool Fails() {
    ++calls_;
    return left_ >= 0 && left_-- == 0;
  }

  std::atomic<int> left_ = -1;
  std::atomic<bool> done_ = false;
  std::atomic<int> calls_ = 0;
};

class SessionCopyTest : public testing::TestWithParam<Pair> {
 protected:
  SessionCopyTest() : source_(Open(GetParam().source, "source.db")), target_(Open(GetParam().target, "target.db")) {}

  std::unique_ptr<Backend> Open(Kind kind, const std::string& name) const {
    if (kind == Kind::kMemory) return NewMemoryBackend();
    SqliteOptions options;
    options.path = folder_.File(name);
    auto opened = OpenSqliteBackend(std::move(options));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }

  CopyResult Copy(CopyOptions options = {}) {
    auto result = CopySession(source_, target_, "s", options, absl::InfiniteFuture());
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(CopyResult());
  }
  State StateOfCopy(CopyOptions options = {}) { return Copy(options).state; }

  Lease Acquire(Backend& backend, const std::string& owner, bool steal = false) {
    LeaseRequest request;
    request.session_id = "s";
    request.action = LeaseRequest::Action::kAcquire;
    request.owner = owner;
    request.ttl = absl::Minutes(10);
    request.steal = steal;
    auto result = Ask(backend, request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->lease : Lease();
  }
  static LeaseResult Row(Backend& backend) {
    LeaseRequest get;
    get.session_id = "s";
    return Ask(backend, get).value();
  }

  // Everything that has to be the same.
  void ExpectEqual() {
    const LeaseResult from = Row(source_);
    const LeaseResult to = Row(target_);
    EXPECT_EQ(to.revision, from.revision);
    EXPECT_EQ(to.lease.fence, from.lease.fence);
    EXPECT_EQ(to.lease.owner, from.lease.owner);
    EXPECT_EQ(to.applied_number, from.applied_number);
    EXPECT_EQ(to.recent.Encode(), from.recent.Encode());
    EXPECT_EQ(to.lease.live(), from.lease.live());
    if (from.lease.live()) {
      EXPECT_GE(to.lease.remaining, from.lease.remaining - absl::Milliseconds(1));
      EXPECT_LE(to.lease.remaining, from.lease.remaining + 2 * kLeaseSlack);
    }
    const auto source = DigestSession(source_, "s", absl::InfiniteFuture());
    const auto target = DigestSession(target_, "s", absl::InfiniteFuture());
    ASSERT_TRUE(source.ok() && target.ok());
    EXPECT_TRUE(source->SameContent(*target));
  }

  const test::TempDir folder_;
  Failing source_;
  Failing target_;
};

INSTANTIATE_TEST_SUITE_P(Stores, SessionCopyTest,
                         testing::Values(Pair{Kind::kMemory, Kind::kMemory}, Pair{Kind::kSqlite, Kind::kMemory},
                                         Pair{Kind::kMemory, Kind::kSqlite}, Pair{Kind::kSqlite, Kind::kSqlite}),
                         [](const auto& info) {
                           const auto name = [](Kind kind) { return kind == Kind::kMemory ? "Memory" : "Sqlite"; };
                           return absl::StrCat(name(info.param.source), "To", name(info.param.target));
                         });

TEST_P(SessionCopyTest, EverythingOfASessionArrivesAndOnlyOnce) {
  const Lease lease = Acquire(source_, "pool");
  Commit first = SetKey("1", "one");
  first.creds = Value{ValueKind::kJson, R"({"id":1})"};
  first.id = 7;
  first.fence = lease.fence;
  first.number = 1;
  ASSERT_TRUE(Apply(source_, first).ok());
  EXPECT_EQ(StateOfCopy(), State::kCopied);
  ExpectEqual();
  const int calls = target_.calls();
  EXPECT_EQ(StateOfCopy(), State::kEqual);
  EXPECT_EQ(target_.calls(), calls) << "nothing is written twice";
}

TEST_P(SessionCopyTest, TheOwnerGoesOnWithTheTargetAndWhatIsSentAgainIsKnown) {
  const Lease lease = Acquire(source_, "pool");
  Commit commit = SetKey("1", "one");
  commit.id = 7;
  commit.fence = lease.fence;
  commit.number = 1;
  ASSERT_TRUE(Apply(source_, commit).ok());
  ASSERT_EQ(StateOfCopy(), State::kCopied);

  EXPECT_EQ(Apply(target_, commit)->revision, 1U) << "sent again";
  Commit renamed = commit;
  renamed.id = 8;
  EXPECT_EQ(Apply(target_, renamed)->revision, 1U) << "its number was applied";
  Commit next = SetKey("2", "two");
  next.fence = lease.fence;
  next.number = 2;
  next.expected_revision = 1;
  EXPECT_EQ(Apply(target_, next)->revision, 2U);
  EXPECT_TRUE(absl::IsFailedPrecondition(Apply(target_, SetKey("3", "x")).status())) << "nobody else";
}

TEST_P(SessionCopyTest, OnlyWhatDiffersIsWritten) {
  Commit first = SetKey("1", "one");
  first.sets.push_back({{"pre-key", "2"}, Raw("two")});
  first.creds = Value{ValueKind::kJson, "{}"};
  ASSERT_TRUE(Apply(source_, first).ok());
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  Commit second = SetKey("3", "three");
  second.deletes = {{"pre-key", "1"}};
  second.action = Commit::Action::kWriteWithoutCreds;
  ASSERT_TRUE(Apply(source_, second).ok());
  EXPECT_EQ(Copy({/*writes=*/false}).what, "creds differ; 2 keys differ; is at revision 2, and at 1 on the target");
  EXPECT_EQ(StateOfCopy(), State::kCopied);
  ExpectEqual();
}

TEST_P(SessionCopyTest, ADryRunWritesNothing) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  const int calls = source_.calls() + target_.calls();
  const CopyResult result = Copy({/*writes=*/false});
  EXPECT_EQ(result.state, State::kBehind);
  EXPECT_EQ(result.what, "is missing on the target; is at revision 1, and at 0 on the target");
  EXPECT_EQ(source_.calls() + target_.calls(), calls);
  EXPECT_EQ(Row(target_).revision, 0U);
}

TEST_P(SessionCopyTest, WhatWasDeletedIsDeletedAndKeepsItsRevisionAndFence) {
  const Lease lease = Acquire(source_, "pool");
  ASSERT_EQ(lease.fence, 1U);
  Commit commit = SetKey("1", "one");
  commit.fence = 1;
  ASSERT_TRUE(Apply(source_, commit).ok());
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  Commit erase;
  erase.session_id = "s";
  erase.action = Commit::Action::kDeleteSession;
  erase.fence = 1;
  ASSERT_TRUE(Apply(source_, erase).ok());
  LeaseRequest release;
  release.session_id = "s";
  release.action = LeaseRequest::Action::kRelease;
  release.fence = 1;
  ASSERT_TRUE(Ask(source_, release).ok());
  EXPECT_EQ(StateOfCopy(), State::kCopied);
  ExpectEqual();
  EXPECT_EQ(Apply(target_, SetKey("1", "again"))->revision, 3U);
  EXPECT_EQ(Acquire(target_, "other").fence, 3U);
}

TEST_P(SessionCopyTest, ASessionThatWasDeletedBeforeTheFirstCopyKeepsItsRevision) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  Commit erase;
  erase.session_id = "s";
  erase.action = Commit::Action::kDeleteSession;
  ASSERT_TRUE(Apply(source_, erase).ok());
  EXPECT_EQ(StateOfCopy(), State::kCopied);
  ExpectEqual();
  EXPECT_EQ(StateOfCopy(), State::kEqual);
}

TEST_P(SessionCopyTest, ALeaseOfASessionThatWasNeverWrittenIsCopied) {
  Acquire(source_, "pool");
  EXPECT_EQ(StateOfCopy(), State::kCopied);
  ExpectEqual();
}

TEST_P(SessionCopyTest, ALeaseThatHasEndedAndOneThatIsNobodysAreCopied) {
  const Lease lease = Acquire(source_, "pool");
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  LeaseRequest end;
  end.session_id = "s";
  end.action = LeaseRequest::Action::kRelease;
  end.fence = lease.fence;
  ASSERT_TRUE(Ask(source_, end).ok());
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  ExpectEqual();
  const Lease other = Acquire(source_, "other");
  LeaseRequest shorten;
  shorten.session_id = "s";
  shorten.action = LeaseRequest::Action::kPass;
  shorten.fence = other.fence;
  shorten.owner = "other";
  shorten.next_fence = other.fence;
  shorten.ttl = -absl::Seconds(5);
  ASSERT_TRUE(Ask(source_, shorten).ok());
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  ExpectEqual();
  EXPECT_EQ(Acquire(target_, "third").fence, other.fence + 1);
}

TEST_P(SessionCopyTest, ASessionThatIsNewerOnTheTargetIsRefusedAndStaysAsItIs) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  ASSERT_TRUE(Apply(target_, SetKey("2", "there")).ok());
  const CopyResult newer = Copy();
  EXPECT_EQ(newer.state, State::kRefused);
  EXPECT_EQ(newer.what, "is newer on the target: at revision 2, and at 1 here");
  ASSERT_TRUE(Apply(source_, SetKey("2", "here")).ok());
  const CopyResult other = Copy();
  EXPECT_EQ(other.state, State::kRefused);
  EXPECT_EQ(other.what, "has another history on the target, at the same revision 2: 1 key differs");
  EXPECT_EQ(Row(target_).revision, 2U);
}

TEST_P(SessionCopyTest, ASessionThatIsOnTheTargetOnlyIsRefused) {
  ASSERT_TRUE(Apply(target_, SetKey("1", "there")).ok());
  const CopyResult result = Copy();
  EXPECT_EQ(result.state, State::kRefused);
  EXPECT_EQ(result.what, "is on the target only");
  EXPECT_EQ(StateOfCopy({true, /*overwrites=*/true}), State::kCopied);
  ExpectEqual();
  EXPECT_GT(Row(target_).revision, 1U) << "what it gave is not given again";
}

TEST_P(SessionCopyTest, ASessionThatHadOtherOwnersOnTheTargetIsRefused) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  Acquire(source_, "here");
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  Acquire(target_, "there", /*steal=*/true);
  const CopyResult result = Copy();
  EXPECT_EQ(result.state, State::kRefused);
  EXPECT_EQ(result.what, "had other owners on the target: it is at fence 2, and at 1 here");
}

TEST_P(SessionCopyTest, OverwritingLeapsPastWhatTheTargetHasGiven) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  Acquire(source_, "here");
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  const Lease there = Acquire(target_, "there", /*steal=*/true);
  Commit commit = SetKey("2", "there");
  commit.fence = there.fence;
  ASSERT_TRUE(Apply(target_, commit).ok());
  ASSERT_TRUE(Apply(target_, commit).ok());
  EXPECT_EQ(StateOfCopy({true, /*overwrites=*/true}), State::kCopied);
  ExpectEqual();
  const LeaseResult row = Row(source_);
  EXPECT_GT(row.revision, 3U);
  EXPECT_GT(row.lease.fence, there.fence);
  EXPECT_EQ(row.lease.owner, "here");
  EXPECT_TRUE(absl::IsFailedPrecondition(Apply(source_, commit).status())) << "a fence of there is not current here";
}

TEST_P(SessionCopyTest, OverwritingASessionThatIsNobodysLeapsToo) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  ASSERT_TRUE(Apply(target_, SetKey("1", "there")).ok());
  const Lease there = Acquire(target_, "there");
  EXPECT_EQ(StateOfCopy({true, /*overwrites=*/true}), State::kCopied);
  ExpectEqual();
  EXPECT_FALSE(Row(source_).lease.held());
  EXPECT_GT(Row(source_).lease.fence, there.fence);
  EXPECT_LT(Row(source_).revision, kRevisionsOfAHome);
}

// Whichever call to the target is the last one that reaches it, and whether its answer arrives.
TEST_P(SessionCopyTest, ACopyThatEndsAnywhereIsNeverTakenForWholeAndIsGoneOnWith) {
  for (const bool done : {false, true}) {
    for (int last = 0; last < 3; ++last) {
      SCOPED_TRACE(absl::StrCat("ends at call ", last, done ? ", done" : ", not done"));
      const Lease before = Row(source_).lease;
      const Lease lease = before.held() ? before : Acquire(source_, "pool");
      const LeaseResult row = Row(source_);
      Commit commit = SetKey("1", absl::StrCat(last, done));
      commit.fence = lease.fence;
      commit.number = row.applied_number + 1;
      ASSERT_TRUE(Apply(source_, commit).ok());
      target_.FailAfter(last, done);
      const auto ended = CopySession(source_, target_, "s", {}, absl::InfiniteFuture());
      EXPECT_TRUE(absl::IsUnavailable(ended.status())) << ended.status();
      const LeaseResult there = Row(target_);
      const bool whole = there.revision == row.revision + 1 && there.applied_number == commit.number;
      if (there.lease.fence == lease.fence && there.lease.owner == lease.owner) {
        EXPECT_TRUE(whole || there.applied_number == row.applied_number) << "of one moment";
        EXPECT_TRUE(whole || there.revision == row.revision || there.revision == 0);
      } else if (there.lease.held()) {
        EXPECT_EQ(there.lease.owner, kCopyOwner);
        EXPECT_FALSE(there.lease.live());
        EXPECT_GT(there.lease.fence, kFencesOfAHome);
      }
      const State again = StateOfCopy();
      EXPECT_TRUE(again == State::kCopied || (whole && again == State::kEqual));
      ExpectEqual();
    }
  }
}

TEST_P(SessionCopyTest, WhoTakesAHalfCopiedSessionByForceIsAheadOfAllThatWasGiven) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  const Lease lease = Acquire(source_, "pool");
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  Commit commit = SetKey("2", "two");
  commit.fence = lease.fence;
  ASSERT_TRUE(Apply(source_, commit).ok());
  target_.FailAfter(2, /*done=*/false);
  ASSERT_FALSE(CopySession(source_, target_, "s", {}, absl::InfiniteFuture()).ok());
  const Lease taken = Acquire(target_, "other");
  EXPECT_GT(taken.fence, lease.fence + kFencesOfAHome);
  EXPECT_GT(Row(target_).revision, kRevisionsOfAHome);
}

TEST_P(SessionCopyTest, ASessionUnderWriteIsCopiedOfOneMoment) {
  const Lease lease = Acquire(source_, "pool");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint64_t number = 1; !stop; ++number) {
      Commit commit = SetKey("1", absl::StrCat(number));
      commit.sets.push_back({{"pre-key", "2"}, Raw(absl::StrCat(number))});
      commit.fence = lease.fence;
      commit.number = number;
      EXPECT_EQ(Apply(source_, commit)->revision, number);
    }
  });
  for (int i = 0; i < 100; ++i) {
    const CopyResult result = Copy();
    EXPECT_NE(result.state, State::kRefused) << result.what;
    ReadRequest read;
    read.session_id = "s";
    read.keys = {{"pre-key", "1"}, {"pre-key", "2"}};
    const auto found = AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
        [&](auto done) { target_.Read({read}, absl::InfiniteFuture(), std::move(done)); });
    if (!found.front()->exists) continue;
    const LeaseResult row = Row(target_);
    EXPECT_EQ(found.front()->values[0]->bytes, absl::StrCat(row.revision));
    EXPECT_EQ(found.front()->values[1]->bytes, absl::StrCat(row.revision));
    if (row.lease.owner == "pool") {
      EXPECT_EQ(row.applied_number, row.revision);
    }
  }
  stop = true;
  writer.join();
  EXPECT_NE(StateOfCopy(), State::kRefused);
  ExpectEqual();
}

TEST_P(SessionCopyTest, ALeaseThatWasRenewedLivesOnInTheTargetAlsoWhereNothingElseHasChanged) {
  const Lease lease = Acquire(source_, "pool");
  ASSERT_EQ(StateOfCopy(), State::kCopied);
  LeaseRequest renew;
  renew.session_id = "s";
  renew.action = LeaseRequest::Action::kRenew;
  renew.fence = lease.fence;
  renew.ttl = absl::Hours(1);
  ASSERT_TRUE(Ask(source_, renew).ok());
  EXPECT_EQ(StateOfCopy(), State::kEqual);
  ExpectEqual();
}

TEST_P(SessionCopyTest, LeasesThatWereRenewedLiveOnInTheTarget) {
  ASSERT_TRUE(Apply(source_, SetKey("1", "one")).ok());
  const Lease lease = Acquire(source_, "pool");
  SessionComparison rounds(source_, target_, {CopyOptions(), 0});
  const auto round = [&] {
    const absl::Status done = rounds.Round(
        {absl::Minutes(1)}, [] { return false; }, [](auto, auto) {});
    EXPECT_TRUE(done.ok()) << done;
    EXPECT_TRUE(rounds.Differences().empty());
  };
  round();
  round();
  LeaseRequest renew;
  renew.session_id = "s";
  renew.action = LeaseRequest::Action::kRenew;
  renew.fence = lease.fence;
  renew.ttl = absl::Hours(1);
  ASSERT_TRUE(Ask(source_, renew).ok());
  round();
  EXPECT_EQ(rounds.read_in_last_round(), 0U) << "no session is read for that";
  ExpectEqual();
}

TEST_P(SessionCopyTest, TwoStoresAreNotTheSameDatabaseAndTwoWaysToOneAre) {
  EXPECT_EQ(SameDatabase(source_, target_, absl::InfiniteFuture()).value(), false);
  if (source_.Describe().store_id.empty()) return;
  Failing other_way(&source_);
  EXPECT_EQ(SameDatabase(source_, other_way, absl::InfiniteFuture()).value(), true);
  SessionComparison rounds(source_, target_, {CopyOptions(), 0});
  ASSERT_TRUE(rounds
                  .Round(
                      {absl::Minutes(1)}, [] { return false; }, [](auto, auto) {})
                  .ok());
  EXPECT_EQ(rounds.read_in_last_round(), 0U) << "what that leaves behind is no session";
}

}  // namespace
}  // namespace authstate::storage
