// Deadlines, answers that come once, the end of a backend, and what is found after it.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/lease_requests.h"

namespace authstate::conformance {
namespace {

using storage::Applied;
using storage::Commit;
using storage::ReadResult;
using storage::Snapshot;

class LifecycleTest : public ConformanceTest {
 protected:
  static absl::Time Past() { return absl::Now() - absl::Seconds(1); }
};

TEST_F(LifecycleTest, CommitPastItsDeadlineIsNotApplied) {
  Answer<std::vector<absl::StatusOr<Applied>>> answer;
  backend().Apply({SetCreds("a", Json("{}")), SetCreds("b", Json("{}"))}, Past(), answer.Done());
  const auto results = answer.Await();
  ASSERT_EQ(results.size(), 2U);
  for (const auto& result : results) {
    EXPECT_TRUE(FailsWith(result, absl::StatusCode::kDeadlineExceeded, storage::kDeadlinePassed));
    EXPECT_TRUE(IsNotApplied(result.status()));
  }
  // A commit that is applied shows that there is nothing still to come before it.
  MustApply(SetCreds("a", Json("{}")));
  EXPECT_EQ(MustRead("a").revision, 1U);
  EXPECT_EQ(MustRead("b").revision, 0U);
}

TEST_F(LifecycleTest, ReadsPastTheirDeadlineFail) {
  MustApply(SetCreds("s", Json("{}")));
  constexpr auto kCode = absl::StatusCode::kDeadlineExceeded;

  Answer<std::vector<absl::StatusOr<ReadResult>>> read;
  backend().Read({{"s", true, {}}}, Past(), read.Done());
  EXPECT_TRUE(FailsWith(read.Await().front(), kCode, storage::kDeadlinePassed));

  Answer<absl::StatusOr<std::vector<storage::SessionSummary>>> list;
  backend().List({"", "", 1}, Past(), list.Done());
  EXPECT_TRUE(FailsWith(list.Await(), kCode, storage::kDeadlinePassed));

  Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> snapshot;
  backend().OpenSnapshot({"s"}, Past(), snapshot.Done());
  EXPECT_TRUE(FailsWith(snapshot.Await(), kCode, storage::kDeadlinePassed));

  Answer<absl::Status> ping;
  backend().Ping(Past(), ping.Done());
  EXPECT_TRUE(StatusIs(ping.Await(), kCode, storage::kDeadlinePassed));
}

TEST_F(LifecycleTest, SnapshotPagePastItsDeadlineFails) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("v")}}));
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  Answer<absl::StatusOr<Snapshot::Page>> page;
  (*snapshot)->Next(1000, Past(), page.Done());
  EXPECT_TRUE(FailsWith(page.Await(), absl::StatusCode::kDeadlineExceeded, storage::kDeadlinePassed));
}

TEST_F(LifecycleTest, EndlessDeadlineIsTaken) {
  Answer<std::vector<absl::StatusOr<Applied>>> answer;
  backend().Apply({SetCreds("s", Json("{}"))}, absl::InfiniteFuture(), answer.Done());
  EXPECT_TRUE(answer.Await().front().ok());
}

TEST_F(LifecycleTest, PingAnswersWhileTheStoreIsThere) {
  Answer<absl::Status> answer;
  backend().Ping(Soon(), answer.Done());
  EXPECT_TRUE(answer.Await().ok());
}

TEST_F(LifecycleTest, DescribesItself) {
  const auto description = backend().Describe();
  EXPECT_FALSE(description.kind.empty());
  EXPECT_FALSE(description.location.empty());
}

TEST_F(LifecycleTest, EndWaitsForCallsOfEveryKindAndAnswersEachOnce) {
  constexpr int kCalls = 50;
  std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> writes(kCalls);
  std::vector<Answer<std::vector<absl::StatusOr<ReadResult>>>> reads(kCalls);
  std::vector<Answer<absl::StatusOr<std::vector<storage::SessionSummary>>>> lists(kCalls);
  std::vector<Answer<std::vector<absl::StatusOr<storage::LeaseResult>>>> leases(kCalls);
  std::vector<Answer<absl::StatusOr<std::map<std::string, std::uint64_t>>>> purges(kCalls);
  std::vector<Answer<absl::Status>> pings(kCalls);
  std::vector<Answer<absl::Status>> snapshots(kCalls);
  for (int i = 0; i < kCalls; ++i) MustApply(SetKeys(absl::StrCat("s", i), {{{"t", "1"}, Raw("v")}}));
  for (int i = 0; i < kCalls; ++i) {
    // Every other one is overdue while it is opened, or soon after. Each is gone before its backend is.
    backend().OpenSnapshot({absl::StrCat("s", i)}, i % 2 == 0 ? Soon() : absl::Now() + absl::Milliseconds(1),
                           [done = snapshots[i].Done()](absl::StatusOr<std::unique_ptr<Snapshot>> opened) mutable {
                             done(opened.status());
                           });
    backend().Leases({Acquire(absl::StrCat("leased", i), "owner")}, Soon(), leases[i].Done());
    backend().PurgeExpired({{"lid-mapping"}, false}, Soon(), purges[i].Done());
    backend().Ping(Soon(), pings[i].Done());
    backend().Apply({SetCreds(absl::StrCat("s", i), Json("{}"))}, Soon(), writes[i].Done());
    backend().Read({{absl::StrCat("s", i), true, {}}}, Soon(), reads[i].Done());
    backend().List({"", "", 1}, Soon(), lists[i].Done());
  }
  CloseBackend();

  for (int i = 0; i < kCalls; ++i) {
    EXPECT_EQ(writes[i].calls(), 1);
    EXPECT_EQ(reads[i].calls(), 1);
    EXPECT_EQ(lists[i].calls(), 1);
    EXPECT_EQ(leases[i].calls(), 1);
    EXPECT_EQ(purges[i].calls(), 1);
    EXPECT_EQ(pings[i].calls(), 1);
    EXPECT_EQ(snapshots[i].calls(), 1);
  }
  if (!store().durable()) return;
  Reopen();
  for (int i = 0; i < kCalls; ++i) {
    EXPECT_EQ(MustRead(absl::StrCat("s", i)).creds.has_value(), writes[i].Await().front().ok()) << i;
  }
}

// A decorator calls its backend again from within the answer.
TEST_F(LifecycleTest, CallsMayBeMadeFromWithinAnAnswer) {
  Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
  backend().Apply({SetCreds("s", Json("{}"))}, Soon(), [&](std::vector<absl::StatusOr<Applied>> results) {
    EXPECT_TRUE(results.front().ok());
    backend().Read({{"s", true, {}}}, Soon(), answer.Done());
  });
  const auto read = answer.Await().front();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->creds, Json("{}"));
}

TEST_F(LifecycleTest, ReopenedStoreHasEverything) {
  if (!store().durable()) GTEST_SKIP() << "the store ends with its backend";
  Commit commit = SetKeys("s", {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Json("2")}});
  commit.creds = Json("{}");
  MustApply(commit);
  MustApply(DeleteKeys("s", {{"t", "1"}}));
  MustApply(SetCreds("deleted", Json("{}")));
  MustApply(DeleteSession("deleted"));
  const auto before = Whole("s");

  Reopen();
  EXPECT_EQ(Whole("s"), before);
  EXPECT_EQ(MustRead("deleted").revision, 2U);
  EXPECT_FALSE(MustRead("deleted").exists);
  EXPECT_EQ(MustApply(At(2, SetCreds("deleted", Json("{}")))), 3U);
  EXPECT_EQ(MustApply(At(2, SetKeys("s", {}))), 3U);
}

}  // namespace
}  // namespace authstate::conformance
