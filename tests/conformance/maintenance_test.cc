// Whether nobody may write: kept with the store, changed as one, and leases that outlive it.
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/grant.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/lease_requests.h"

namespace authstate::conformance {
namespace {

using storage::GrantRequest;
using storage::GrantResult;
using storage::LeaseResult;
using storage::Maintenance;
using Action = storage::GrantRequest::Action;

class MaintenanceTest : public ConformanceTest {
 protected:
  // What there is then.
  std::optional<Maintenance> Do(Action action, Maintenance maintenance = {}) {
    GrantRequest request;
    request.action = action;
    request.maintenance = std::move(maintenance);
    Answer<absl::StatusOr<GrantResult>> answer;
    backend().Grants(std::move(request), Soon(), answer.Done());
    const auto result = answer.Await();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->maintenance : std::nullopt;
  }
  std::optional<Maintenance> Present() { return Do(Action::kGetMaintenance); }

  LeaseResult Lease(LeaseRequest request) {
    Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
    backend().Leases({std::move(request)}, Soon(), answer.Done());
    const auto results = answer.Await();
    EXPECT_TRUE(results.front().ok()) << results.front().status();
    return results.front().ok() ? *results.front() : LeaseResult();
  }
  void AwaitItsEnd(const std::string& session_id) {
    while (Lease(Get(session_id)).lease.live()) absl::SleepFor(absl::Milliseconds(1));
  }
};

Maintenance Backup() {
  Maintenance maintenance;
  maintenance.reason = "backup, \xC3\xA4 'quoted'";
  maintenance.hold = absl::Milliseconds(30'001);
  maintenance.allowed = {{"test-", true}, {"=5:odd^1", true}};
  return maintenance;
}

void ExpectSameTerms(const Maintenance& a, const Maintenance& b) {
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.hold, b.hold);
  ASSERT_EQ(a.allowed.size(), b.allowed.size());
  for (std::size_t i = 0; i < a.allowed.size(); ++i) EXPECT_EQ(a.allowed[i].id, b.allowed[i].id);
}

TEST_F(MaintenanceTest, ThereIsNoneAtFirstAndToEndNoneIsNoError) {
  EXPECT_EQ(Present(), std::nullopt);
  EXPECT_EQ(Do(Action::kEndMaintenance), std::nullopt);
  EXPECT_EQ(Present(), std::nullopt);
}

TEST_F(MaintenanceTest, IsToldAsItWasBegunUntilItIsEnded) {
  const auto begun = Do(Action::kBeginMaintenance, Backup());
  ASSERT_TRUE(begun.has_value());
  ExpectSameTerms(*begun, Backup());
  const auto present = Present();
  ASSERT_TRUE(present.has_value());
  ExpectSameTerms(*present, Backup());
  EXPECT_EQ(present->since, begun->since);
  EXPECT_EQ(Do(Action::kEndMaintenance), std::nullopt);
  EXPECT_EQ(Present(), std::nullopt);
}

TEST_F(MaintenanceTest, AnotherOneTakesItsPlaceAndGoesOnSinceWhenItBegan) {
  const auto begun = Do(Action::kBeginMaintenance, Backup());
  ASSERT_TRUE(begun.has_value());
  Maintenance other;
  other.reason = "copy";
  const auto present = Do(Action::kBeginMaintenance, other);
  ASSERT_TRUE(present.has_value());
  ExpectSameTerms(*present, other);
  EXPECT_EQ(present->since, begun->since);
}

TEST_F(MaintenanceTest, IsFoundAgainByTheNextServer) {
  if (!store().durable()) GTEST_SKIP() << "nothing is";
  const auto begun = Do(Action::kBeginMaintenance, Backup());
  Reopen();
  const auto present = Present();
  ASSERT_TRUE(begun.has_value() && present.has_value());
  ExpectSameTerms(*present, Backup());
  EXPECT_EQ(present->since, begun->since);
}

TEST_F(MaintenanceTest, ALeaseThatWasLiveWhenItBeganLivesOnForAMinuteWhenItEnds) {
  if (!store().stops_leases_in_maintenance()) GTEST_SKIP() << "leases go on in it";
  const LeaseResult held = Lease(Acquire("kept", "owner", absl::Milliseconds(200)));
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  AwaitItsEnd("kept");
  Do(Action::kEndMaintenance);
  const LeaseResult after = Lease(Get("kept"));
  EXPECT_TRUE(after.lease.live());
  EXPECT_LE(after.lease.remaining, storage::kLeaseAfterMaintenance);
  EXPECT_EQ(after.lease.fence, held.lease.fence);
  EXPECT_EQ(after.lease.owner, "owner");
}

TEST_F(MaintenanceTest, ALongLeaseHasTheTimeThatItHad) {
  if (!store().stops_leases_in_maintenance()) GTEST_SKIP() << "leases go on in it";
  Lease(Acquire("long", "owner", absl::Hours(1)));
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  const absl::Duration before = Lease(Get("long")).lease.remaining;
  Do(Action::kEndMaintenance);
  const absl::Duration after = Lease(Get("long")).lease.remaining;
  EXPECT_GT(after, before - absl::Minutes(1));
  EXPECT_LE(after, absl::Hours(1));
}

TEST_F(MaintenanceTest, ALeaseThatHadEndedBeforeAndOneThatWasReleasedStayAsTheyAre) {
  Lease(Acquire("ended", "owner", absl::Milliseconds(1)));
  AwaitItsEnd("ended");
  const LeaseResult held = Lease(Acquire("released", "owner"));
  Lease(Release("released", held.lease.fence));
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  Do(Action::kEndMaintenance);
  EXPECT_FALSE(Lease(Get("ended")).lease.live());
  EXPECT_FALSE(Lease(Get("released")).lease.held());
}

TEST_F(MaintenanceTest, ALeaseOfASessionThatIsAllowedStaysAsItIs) {
  Lease(Acquire("test-1", "owner", absl::Milliseconds(200)));
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  AwaitItsEnd("test-1");
  Do(Action::kEndMaintenance, Backup());
  EXPECT_FALSE(Lease(Get("test-1")).lease.live());
}

TEST_F(MaintenanceTest, ItGoesOnSinceTheEarlierTimeThatItBeganAtInAnotherStore) {
  const auto begun = Do(Action::kBeginMaintenance, Backup());
  ASSERT_TRUE(begun.has_value());
  Maintenance carried = Backup();
  carried.since = begun->since - absl::Hours(1);
  const auto present = Do(Action::kBeginMaintenance, carried);
  ASSERT_TRUE(present.has_value());
  EXPECT_EQ(present->since, carried.since);
  carried.since = begun->since;
  const auto later = Do(Action::kBeginMaintenance, carried);
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->since, begun->since - absl::Hours(1));
}

TEST_F(MaintenanceTest, ALeaseThatWasRenewedWhileItsSessionWasAllowedIsNotProlonged) {
  if (!store().stops_leases_in_maintenance()) GTEST_SKIP() << "leases go on in it";
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  Lease(Acquire("test-1", "owner", absl::Hours(1)));
  Maintenance narrower = Backup();
  narrower.allowed.clear();
  ASSERT_TRUE(Do(Action::kBeginMaintenance, narrower).has_value());
  const absl::Time expires = Lease(Get("test-1")).lease.expire_time;
  Do(Action::kEndMaintenance);
  EXPECT_EQ(Lease(Get("test-1")).lease.expire_time, expires);
}

TEST_F(MaintenanceTest, ALeaseThatEndsWhileItsSessionIsNotAllowedAnyMoreLivesOnForAMinute) {
  if (!store().stops_leases_in_maintenance()) GTEST_SKIP() << "leases go on in it";
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  Lease(Acquire("test-1", "owner", absl::Milliseconds(200)));
  Maintenance narrower = Backup();
  narrower.allowed.clear();
  ASSERT_TRUE(Do(Action::kBeginMaintenance, narrower).has_value());
  AwaitItsEnd("test-1");
  Do(Action::kEndMaintenance);
  EXPECT_TRUE(Lease(Get("test-1")).lease.live());
}

TEST_F(MaintenanceTest, TheTermsOfTheStoreTellWhichLeasesStayAsTheyAreAtTheEnd) {
  if (!store().stops_leases_in_maintenance()) GTEST_SKIP() << "leases go on in it";
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  Lease(Acquire("test-1", "owner", absl::Milliseconds(200)));
  AwaitItsEnd("test-1");
  Do(Action::kEndMaintenance);
  EXPECT_FALSE(Lease(Get("test-1")).lease.live());
}

TEST_F(MaintenanceTest, WhoEndsItMayLeaveAllLeasesAsTheyAre) {
  if (!store().stops_leases_in_maintenance()) GTEST_SKIP() << "leases go on in it";
  Lease(Acquire("s", "owner", absl::Hours(1)));
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  const absl::Time expires = Lease(Get("s")).lease.expire_time;
  Maintenance all;
  all.allowed = {{"", true}};
  Do(Action::kEndMaintenance, all);
  EXPECT_EQ(Lease(Get("s")).lease.expire_time, expires);
}

TEST_F(MaintenanceTest, ALeaseLivesOnFromWhenItsSessionIsAllowed) {
  if (!store().stops_leases_in_maintenance()) GTEST_SKIP() << "leases go on in it";
  const LeaseResult held = Lease(Acquire("kept", "owner", absl::Milliseconds(200)));
  Lease(Acquire("other", "owner", absl::Milliseconds(200)));
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  AwaitItsEnd("kept");
  AwaitItsEnd("other");
  Maintenance wider = Backup();
  wider.allowed.push_back({"kept", true});
  ASSERT_TRUE(Do(Action::kBeginMaintenance, wider).has_value());
  const LeaseResult after = Lease(Get("kept"));
  EXPECT_TRUE(after.lease.live());
  EXPECT_LE(after.lease.remaining, storage::kLeaseAfterMaintenance);
  EXPECT_EQ(after.lease.fence, held.lease.fence);
  EXPECT_FALSE(Lease(Get("other")).lease.live());
}

TEST_F(MaintenanceTest, NothingElseChangesWhenItEnds) {
  MustApply(SetCreds("s", Raw("creds")));
  const LeaseResult held = Lease(Acquire("s", "owner"));
  storage::Commit commit = SetKeys("s", {{{"pre-key", "1"}, Raw("v")}});
  commit.fence = held.lease.fence;
  commit.number = 1;
  MustApply(std::move(commit));
  ASSERT_TRUE(Do(Action::kBeginMaintenance, Backup()).has_value());
  Do(Action::kEndMaintenance);
  const LeaseResult after = Lease(Renew("s", held.lease.fence));
  EXPECT_EQ(after.applied_number, 1);
  EXPECT_EQ(after.revision, 2);
  EXPECT_EQ(Key("s", {"pre-key", "1"}), Raw("v"));
}

}  // namespace
}  // namespace authstate::conformance
