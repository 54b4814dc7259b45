#include "storage/decorators/maintenance_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "tests/unit/decorators/pending.h"

namespace authstate::storage {
namespace {

using Action = GrantRequest::Action;

constexpr absl::Duration kTrust = absl::Seconds(3);

// What several gates stand over, and what the test sees of it. The store outlives them.
class Shared {
 public:
  Backend& store() { return *store_; }

  std::atomic<int> writes = 0;
  std::atomic<int> asked = 0;
  // What an answer about maintenance is while it is set.
  absl::Status failure;
  // How many answers about maintenance are still to be late.
  std::atomic<int> late = 0;
  // Whether commits are kept from the store, until they go on.
  std::atomic<bool> stalls = false;
  absl::Mutex mutex;
  std::vector<absl::AnyInvocable<void()>> stalled ABSL_GUARDED_BY(mutex);
  void GoOn() {
    stalls = false;
    std::vector<absl::AnyInvocable<void()>> all;
    {
      const absl::MutexLock lock(&mutex);
      all.swap(stalled);
    }
    for (auto& each : all) each();
  }
  // Which store it is.
  std::string location = "here";

  // Past all gates.
  absl::StatusOr<GrantResult> Do(Action action, Maintenance maintenance = {}) {
    GrantRequest request;
    request.action = action;
    request.maintenance = std::move(maintenance);
    return AwaitCall<absl::StatusOr<GrantResult>>(
        [&](auto done) { store_->Grants(std::move(request), absl::InfiniteFuture(), std::move(done)); });
  }
  // As a switch to a store that says nothing of it.
  void BecomeAnother(std::string other) {
    ASSERT_TRUE(Do(Action::kEndMaintenance).ok());
    location = std::move(other);
  }

 private:
  const std::unique_ptr<Backend> store_ = NewMemoryBackend();
};

class View final : public ForwardingBackend {
 public:
  explicit View(Shared* shared) : ForwardingBackend(&shared->store()), shared_(*shared) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    shared_.writes += static_cast<int>(commits.size());
    if (shared_.stalls) {
      const absl::MutexLock lock(&shared_.mutex);
      shared_.stalled.push_back([this, commits = std::move(commits), deadline, done = std::move(done)]() mutable {
        inner().Apply(std::move(commits), deadline, std::move(done));
      });
      return;
    }
    inner().Apply(std::move(commits), deadline, std::move(done));
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    for (const LeaseRequest& request : requests) shared_.writes += request.action == LeaseRequest::Action::kGet ? 0 : 1;
    inner().Leases(std::move(requests), deadline, std::move(done));
  }
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    if (request.action == Action::kCreate || request.action == Action::kNoteUses) ++shared_.writes;
    if (request.action == Action::kGetMaintenance) {
      ++shared_.asked;
      if (!shared_.failure.ok()) return std::move(done)(shared_.failure);
      if (shared_.late > 0) {
        --shared_.late;
        return std::move(done)(absl::DeadlineExceededError("late"));
      }
    }
    inner().Grants(std::move(request), deadline, std::move(done));
  }
  Description Describe() const override {
    Description description = inner().Describe();
    description.location = shared_.location;
    return description;
  }

 private:
  Shared& shared_;
};

Maintenance Backup(absl::Duration hold = absl::Hours(1)) {
  Maintenance maintenance;
  maintenance.reason = "backup";
  maintenance.hold = hold;
  maintenance.allowed = {{"test-", true}};
  return maintenance;
}

class MaintenanceGateTest : public testing::Test {
 protected:
  // One that asks only when it has to, by a clock that the test sets.
  std::unique_ptr<MaintenanceGate> NewGate() {
    MaintenanceGate::Options options = options_;
    options.timer = timer_;
    options.interval = absl::InfiniteDuration();
    options.trust = kTrust;
    options.uptime = [this] { return absl::Nanoseconds(uptime_ns_.load()); };
    return std::make_unique<MaintenanceGate>(std::make_unique<View>(&shared_), std::move(options));
  }
  MaintenanceGate& gate() {
    if (gate_ == nullptr) gate_ = NewGate();
    return *gate_;
  }
  void Pass(absl::Duration duration) { uptime_ns_ += absl::ToInt64Nanoseconds(duration); }

  absl::StatusOr<GrantResult> Do(Action action, Maintenance maintenance = {}) {
    GrantRequest request;
    request.action = action;
    request.maintenance = std::move(maintenance);
    return AwaitCall<absl::StatusOr<GrantResult>>(
        [&](auto done) { gate().Grants(std::move(request), absl::InfiniteFuture(), std::move(done)); });
  }
  void BeginMaintenance(Maintenance maintenance = Backup()) {
    ASSERT_TRUE(Do(Action::kBeginMaintenance, std::move(maintenance)).ok());
  }
  void EndMaintenance() { ASSERT_TRUE(Do(Action::kEndMaintenance).ok()); }

  static Commit Set(std::string session_id, std::string creds) {
    Commit commit;
    commit.session_id = std::move(session_id);
    commit.creds = Value{ValueKind::kRaw, std::move(creds)};
    return commit;
  }
  static Commit SetOfPipe(std::string session_id) {
    Commit commit = Set(std::move(session_id), "v");
    commit.wait_for_lock = false;
    return commit;
  }
  static LeaseRequest Lease(LeaseRequest::Action action, std::string session_id, std::string owner,
                            std::uint64_t fence = 0, absl::Duration ttl = absl::Seconds(15)) {
    LeaseRequest request;
    request.action = action;
    request.session_id = std::move(session_id);
    request.owner = std::move(owner);
    request.fence = fence;
    request.ttl = ttl;
    return request;
  }

  Pending<Applied> Apply(std::vector<Commit> commits, absl::Time deadline = absl::InfiniteFuture()) {
    Pending<Applied> pending;
    gate().Apply(std::move(commits), deadline, pending.Done());
    return pending;
  }
  Pending<LeaseResult> Leases(std::vector<LeaseRequest> requests) {
    Pending<LeaseResult> pending;
    gate().Leases(std::move(requests), absl::InfiniteFuture(), pending.Done());
    return pending;
  }
  std::uint64_t Revision(const std::string& session_id) {
    ReadRequest request;
    request.session_id = session_id;
    return AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
               [&](auto done) { gate().Read({request}, absl::InfiniteFuture(), std::move(done)); })
        .front()
        ->revision;
  }

  static void ExpectRefused(const absl::Status& status) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(ReasonOf(status), kMaintenance);
    EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
    EXPECT_GT(RetryDelayOf(status).value_or(absl::ZeroDuration()), absl::ZeroDuration());
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("backup"));
  }

  Shared shared_;
  MaintenanceGate::Options options_;
  const std::shared_ptr<DeadlineTimer> timer_ = std::make_shared<DeadlineTimer>();
  std::atomic<std::int64_t> uptime_ns_ = 1;
  std::unique_ptr<MaintenanceGate> gate_;
};

TEST_F(MaintenanceGateTest, WithoutMaintenanceWritesGoOnAndTheStoreIsAskedOnceInAWhile) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Apply({Set("s", "v")}).status().ok());
  EXPECT_EQ(shared_.asked, 1);
  Pass(kTrust);
  EXPECT_TRUE(Apply({Set("s", "v")}).status().ok());
  EXPECT_EQ(shared_.asked, 2);
}

TEST_F(MaintenanceGateTest, AWriteWaitsForTheEndAndIsThenDoneOnce) {
  BeginMaintenance();
  const Pending<Applied> held = Apply({Set("s", "v")});
  EXPECT_FALSE(held.given());
  EXPECT_EQ(Revision("s"), 0) << "reads go on";
  EXPECT_EQ(gate().State().held, 1);
  EndMaintenance();
  EXPECT_TRUE(held.status().ok());
  EXPECT_EQ(Revision("s"), 1);
  EXPECT_EQ(shared_.writes, 1);
  EXPECT_EQ(gate().State().held, 0);
}

TEST_F(MaintenanceGateTest, AWriteThatHasWaitedLongEnoughIsRefused) {
  BeginMaintenance(Backup(absl::Milliseconds(20)));
  ExpectRefused(Apply({Set("s", "v")}).status());
  EXPECT_EQ(shared_.writes, 0);
  EXPECT_EQ(gate().State().refused, 1);
}

TEST_F(MaintenanceGateTest, AWriteIsRefusedBeforeItsDeadlineSoThatItsCallerHearsWhy) {
  BeginMaintenance();
  const absl::Time deadline = absl::Now() + absl::Milliseconds(100);
  const Pending<Applied> held = Apply({Set("s", "v")}, deadline);
  ExpectRefused(held.status());
}

TEST_F(MaintenanceGateTest, WithoutAHoldAWriteIsRefusedAtOnce) {
  BeginMaintenance(Backup(absl::ZeroDuration()));
  const Pending<Applied> refused = Apply({Set("s", "v")});
  ASSERT_TRUE(refused.given());
  ExpectRefused(refused.status());
}

TEST_F(MaintenanceGateTest, OtherTermsDoNotProlongWhatAWriteWaits) {
  BeginMaintenance(Backup(absl::Milliseconds(50)));
  const Pending<Applied> held = Apply({Set("s", "v")});
  BeginMaintenance(Backup(absl::Hours(1)));
  ExpectRefused(held.status());
}

TEST_F(MaintenanceGateTest, AWriteThatIsAllowedMeanwhileGoesOn) {
  BeginMaintenance();
  const Pending<Applied> held = Apply({Set("s", "v")});
  Maintenance other = Backup();
  other.allowed = {{"s", true}};
  BeginMaintenance(other);
  EXPECT_TRUE(held.status().ok());
}

TEST_F(MaintenanceGateTest, OfABatchOfAPipeThoseThatAreAllowedAreWrittenAndTheOthersRefusedAtOnce) {
  BeginMaintenance();
  const Pending<Applied> batch = Apply({SetOfPipe("a"), SetOfPipe("test-1"), SetOfPipe("b")});
  ASSERT_TRUE(batch.given());
  ExpectRefused(batch.Await()[0].status());
  EXPECT_TRUE(batch.Await()[1].ok());
  ExpectRefused(batch.Await()[2].status());
  EXPECT_EQ(shared_.writes, 1);
}

TEST_F(MaintenanceGateTest, AnOwnersLeaseIsRenewedWithoutAWrite) {
  const std::uint64_t fence = Leases({Lease(LeaseRequest::Action::kAcquire, "s", "me")}).Await().front()->lease.fence;
  BeginMaintenance();
  shared_.writes = 0;
  const auto renewed = Leases({Lease(LeaseRequest::Action::kRenew, "s", "", fence)});
  const auto again = Leases({Lease(LeaseRequest::Action::kAcquire, "s", "me")});
  for (const auto* const told : {&renewed, &again}) {
    ASSERT_TRUE(told->status().ok()) << told->status();
    EXPECT_EQ(told->Await().front()->lease.fence, fence);
    EXPECT_EQ(told->Await().front()->lease.remaining, absl::Seconds(15));
  }
  EXPECT_EQ(shared_.writes, 0);
  EndMaintenance();
  EXPECT_TRUE(Leases({Lease(LeaseRequest::Action::kRenew, "s", "", fence)}).status().ok());
}

TEST_F(MaintenanceGateTest, ARenewalIsToldNoMoreTimeThanIsLeftInTheEnd) {
  const std::uint64_t fence =
      Leases({Lease(LeaseRequest::Action::kAcquire, "s", "me", 0, absl::Minutes(2))}).Await().front()->lease.fence;
  BeginMaintenance();
  const auto told = Leases({Lease(LeaseRequest::Action::kRenew, "s", "", fence, absl::Hours(1))});
  EXPECT_LE(told.Await().front()->lease.remaining, absl::Minutes(2));
}

TEST_F(MaintenanceGateTest, AStaleFenceIsStaleInMaintenanceToo) {
  const std::uint64_t fence = Leases({Lease(LeaseRequest::Action::kAcquire, "s", "me")}).Await().front()->lease.fence;
  BeginMaintenance();
  EXPECT_EQ(ReasonOf(Leases({Lease(LeaseRequest::Action::kRenew, "s", "", fence + 1)}).status()), kStaleFence);
}

TEST_F(MaintenanceGateTest, NobodyGetsOrGivesUpALeaseAndWhoAskedAloneGetsItInTheEnd) {
  const std::uint64_t fence =
      Leases({Lease(LeaseRequest::Action::kAcquire, "mine", "me")}).Await().front()->lease.fence;
  BeginMaintenance();
  shared_.writes = 0;
  const auto acquire = Leases({Lease(LeaseRequest::Action::kAcquire, "free", "me")});
  const auto release = Leases({Lease(LeaseRequest::Action::kRelease, "mine", "", fence)});
  LeaseRequest steal = Lease(LeaseRequest::Action::kAcquire, "mine", "thief");
  steal.steal = true;
  steal.wait_for_lock = false;
  ExpectRefused(Leases({steal}).status());
  EXPECT_FALSE(acquire.given());
  EXPECT_FALSE(release.given());
  EXPECT_EQ(shared_.writes, 0);
  EndMaintenance();
  EXPECT_TRUE(acquire.status().ok());
  EXPECT_TRUE(release.status().ok());
}

TEST_F(MaintenanceGateTest, OfABatchOfLeasesEachMemberIsAnsweredByItself) {
  const std::uint64_t fence =
      Leases({Lease(LeaseRequest::Action::kAcquire, "mine", "me")}).Await().front()->lease.fence;
  BeginMaintenance();
  const auto batch = Leases(
      {Lease(LeaseRequest::Action::kRenew, "mine", "", fence), Lease(LeaseRequest::Action::kAcquire, "free", "me"),
       Lease(LeaseRequest::Action::kAcquire, "test-1", "me"), Lease(LeaseRequest::Action::kGet, "mine", "")});
  ASSERT_TRUE(batch.given());
  EXPECT_TRUE(batch.Await()[0].ok());
  ExpectRefused(batch.Await()[1].status());
  EXPECT_TRUE(batch.Await()[2].ok());
  EXPECT_EQ(batch.Await()[3]->lease.owner, "me");
}

TEST_F(MaintenanceGateTest, WhereLeasesAreNotWrittenToTheStoreTheyGoOn) {
  options_.passes_leases = true;
  BeginMaintenance();
  EXPECT_TRUE(Leases({Lease(LeaseRequest::Action::kAcquire, "s", "me")}).status().ok());
}

TEST_F(MaintenanceGateTest, GrantsThatAreUsedAreNotNotedAndNewOnesWait) {
  BeginMaintenance();
  GrantRequest uses;
  uses.action = Action::kNoteUses;
  const auto noted = AwaitCall<absl::StatusOr<GrantResult>>(
      [&](auto done) { gate().Grants(std::move(uses), absl::InfiniteFuture(), std::move(done)); });
  ExpectRefused(noted.status());
  GrantRequest create;
  create.action = Action::kCreate;
  create.grant.id = "abcdefghijklmnop";
  absl::Notification created;
  gate().Grants(std::move(create), absl::InfiniteFuture(), [&](const absl::StatusOr<GrantResult>& result) {
    EXPECT_TRUE(result.ok()) << result.status();
    created.Notify();
  });
  EXPECT_FALSE(created.HasBeenNotified());
  EXPECT_EQ(shared_.writes, 0);
  EndMaintenance();
  created.WaitForNotification();
}

TEST_F(MaintenanceGateTest, AnotherGateWritesNothingOnWhatItHeardTooLongAgo) {
  const auto other = NewGate();
  Pending<Applied> first;
  other->Apply({Set("s", "v")}, absl::InfiniteFuture(), first.Done());
  ASSERT_TRUE(first.status().ok());
  BeginMaintenance();
  // It has not heard of it, and may be as late as this.
  Pass(kTrust - absl::Nanoseconds(1));
  Pending<Applied> late;
  other->Apply({Set("s", "v")}, absl::InfiniteFuture(), late.Done());
  EXPECT_TRUE(late.status().ok());
  Pass(absl::Nanoseconds(1));
  Pending<Applied> held;
  other->Apply({Set("s", "v")}, absl::InfiniteFuture(), held.Done());
  EXPECT_FALSE(held.given());
  EXPECT_EQ(other->State().maintenance->reason, "backup");
  EXPECT_EQ(shared_.writes, 2);
  other->StopHolding();
  ExpectRefused(held.status());
}

TEST_F(MaintenanceGateTest, WhileTheStoreDoesNotSayWhetherThereIsAnyNothingIsWritten) {
  shared_.failure = Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, "away");
  const absl::Status status = Apply({Set("s", "v")}).status();
  EXPECT_EQ(ReasonOf(status), kDatabaseUnavailable);
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
  EXPECT_EQ(shared_.writes, 0);
  shared_.failure = absl::OkStatus();
  EXPECT_TRUE(Apply({Set("s", "v")}).status().ok());
}

TEST_F(MaintenanceGateTest, AGateThatIsMadeInMaintenanceHoldsFromTheFirstWriteOn) {
  ASSERT_TRUE(shared_.Do(Action::kBeginMaintenance, Backup()).ok());
  const Pending<Applied> held = Apply({Set("s", "v")});
  EXPECT_FALSE(held.given());
  EndMaintenance();
  EXPECT_TRUE(held.status().ok());
}

TEST_F(MaintenanceGateTest, MaintenanceGoesAlongToAnotherStoreUntilItIsEndedThere) {
  BeginMaintenance();
  const absl::Time since = gate().State().maintenance->since;
  shared_.BecomeAnother("there");
  // Whoever asks has it heard.
  ASSERT_TRUE(Do(Action::kGetMaintenance).ok());
  EXPECT_EQ(shared_.Do(Action::kGetMaintenance)->maintenance->reason, "backup");
  EXPECT_EQ(shared_.Do(Action::kGetMaintenance)->maintenance->since, since);
  const Pending<Applied> held = Apply({Set("s", "v")});
  EXPECT_FALSE(held.given());
  EndMaintenance();
  EXPECT_TRUE(held.status().ok());
  EXPECT_EQ(shared_.Do(Action::kGetMaintenance)->maintenance, std::nullopt);
}

TEST_F(MaintenanceGateTest, ChangesAreToldOnceEach) {
  std::vector<std::string> told;
  options_.on_change = [&told](const std::optional<Maintenance>& maintenance) {
    told.push_back(maintenance.has_value() ? maintenance->reason : "ended");
  };
  BeginMaintenance();
  ASSERT_TRUE(Do(Action::kGetMaintenance).ok());
  BeginMaintenance();
  EndMaintenance();
  EndMaintenance();
  EXPECT_THAT(told, testing::ElementsAre("backup", "ended"));
}

TEST_F(MaintenanceGateTest, TheStateTellsWhenEveryGateHasHeard) {
  const absl::Duration whole = kTrust + kMaintenanceMargin;
  EXPECT_FALSE(gate().State().maintenance.has_value());
  // However long the store took to begin it, others may have asked it just before.
  Maintenance before = Backup();
  before.since = absl::Now() - absl::Hours(1);
  BeginMaintenance(before);
  EXPECT_EQ(gate().State().maintenance->reason, "backup");
  EXPECT_EQ(gate().State().settle_time, whole);
  Pass(absl::Seconds(1));
  ASSERT_TRUE(Do(Action::kGetMaintenance).ok());
  EXPECT_EQ(gate().State().settle_time, whole - absl::Seconds(1));
  Pass(whole);
  EXPECT_EQ(gate().State().settle_time, absl::ZeroDuration());
}

TEST_F(MaintenanceGateTest, OtherTermsHaveToSettleTooThoughItGoesOnSinceWhenItBegan) {
  const absl::Duration whole = kTrust + kMaintenanceMargin;
  BeginMaintenance();
  Pass(whole);
  ASSERT_EQ(gate().State().settle_time, absl::ZeroDuration());
  Maintenance narrower = Backup();
  narrower.allowed.clear();
  BeginMaintenance(narrower);
  EXPECT_EQ(gate().State().settle_time, whole);
}

TEST_F(MaintenanceGateTest, WhatWasAllowedTooLongAgoIsNotWrittenUnasked) {
  BeginMaintenance();
  Maintenance narrower = Backup();
  narrower.allowed.clear();
  ASSERT_TRUE(shared_.Do(Action::kBeginMaintenance, narrower).ok());
  shared_.writes = 0;
  Pass(kTrust);
  const Pending<Applied> held = Apply({Set("test-1", "v")});
  EXPECT_FALSE(held.given());
  ExpectRefused(Apply({SetOfPipe("test-1"), SetOfPipe("test-2")}).status());
  ExpectRefused(
      Leases({Lease(LeaseRequest::Action::kAcquire, "test-1", "me"), Lease(LeaseRequest::Action::kAcquire, "b", "me")})
          .status());
  EXPECT_EQ(shared_.writes, 0);
}

TEST_F(MaintenanceGateTest, WhatIsAllowedIsNotWaitedForUntilItIsNotAnyMore) {
  BeginMaintenance();
  shared_.stalls = true;
  const Pending<Applied> allowed = Apply({Set("test-1", "v")});
  EXPECT_EQ(gate().State().writes_under_way, 0);
  Maintenance narrower = Backup();
  narrower.allowed.clear();
  BeginMaintenance(narrower);
  EXPECT_EQ(gate().State().writes_under_way, 1);
  shared_.GoOn();
  EXPECT_TRUE(allowed.status().ok());
  EXPECT_EQ(gate().State().writes_under_way, 0);
}

TEST_F(MaintenanceGateTest, WhatIsUnderWayBehindAGateFurtherOnCounts) {
  options_.under_way_behind = [] { return 2U; };
  EXPECT_TRUE(Apply({Set("s", "v")}).status().ok());
  shared_.stalls = true;
  const Pending<Applied> stalled = Apply({Set("s", "v")});
  EXPECT_EQ(gate().State().writes_under_way, 3);
  shared_.GoOn();
  EXPECT_TRUE(stalled.status().ok());
}

TEST_F(MaintenanceGateTest, WhatHasNoRoomToWaitIsRefusedAtOnce) {
  options_.held.writes = 2;
  options_.held.bytes = 100;
  BeginMaintenance();
  const Pending<Applied> first = Apply({Set("a", std::string(60, 'v'))});
  ExpectRefused(Apply({Set("b", std::string(60, 'v'))}).status());
  const Pending<Applied> second = Apply({Set("c", "v")});
  ExpectRefused(Apply({Set("d", "v")}).status());
  EXPECT_FALSE(first.given());
  EXPECT_FALSE(second.given());
  EndMaintenance();
  EXPECT_TRUE(first.status().ok());
  EXPECT_TRUE(second.status().ok());
}

TEST_F(MaintenanceGateTest, AWriteWaitsOnWhenAnAnswerIsLate) {
  shared_.late = 2;
  EXPECT_TRUE(Apply({Set("s", "v")}).status().ok());
  EXPECT_EQ(shared_.asked, 3);
}

TEST_F(MaintenanceGateTest, AWriteThatHearsNothingIsAnsweredBeforeItsDeadlineThatTheDatabaseIsAway) {
  shared_.late = 1'000'000;
  const absl::Status status = Apply({Set("s", "v")}, absl::Now() + absl::Milliseconds(200)).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(ReasonOf(status), kDatabaseUnavailable);
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
  EXPECT_EQ(shared_.writes, 0);
}

TEST_F(MaintenanceGateTest, AGateThatEndsRefusesWhatItHolds) {
  BeginMaintenance();
  const Pending<Applied> held = Apply({Set("s", "v")});
  gate_.reset();
  EXPECT_EQ(ReasonOf(held.status()), kMaintenance);
  EXPECT_EQ(shared_.writes, 0);
}

}  // namespace
}  // namespace authstate::storage
