// Which database serves, and what becomes of calls while that changes.
#include "tests/unit/decorators/backend_switch_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

TEST_F(BackendSwitchTest, CallsGoToTheTargetThatServes) {
  ShareData();
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  EXPECT_EQ(supabase_.calls, 0);
  const Outcome outcome = SwitchTo("supabase");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.report.from, "timeweb");
  EXPECT_EQ(outcome.report.sessions_compared, 1);
  EXPECT_EQ(Serving(), "supabase");
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), Raw("one"));
  EXPECT_EQ(supabase_.calls, 1);
  EXPECT_EQ(timeweb_.calls, 1);
}

TEST_F(BackendSwitchTest, TokensAreThoseOfTheTargetThatServes) {
  Start();
  const auto ask = [this](GrantRequest request) {
    GrantResult answer;
    switch_->Grants(std::move(request), absl::InfiniteFuture(), [&answer](absl::StatusOr<GrantResult> result) {
      ASSERT_TRUE(result.ok()) << result.status();
      answer = *std::move(result);
    });
    return answer;
  };
  GrantRequest create;
  create.action = GrantRequest::Action::kCreate;
  create.grant.id = "a";
  EXPECT_GT(ask(create).version, 0U);
  EXPECT_EQ(ask({}).grants->size(), 1U);
  ASSERT_TRUE(SwitchTo("supabase").status.ok());
  EXPECT_EQ(ask({}).grants->size(), 0U);
}

TEST_F(BackendSwitchTest, TheOldTargetIsClosedAndTheOtherNeverOpenedBefore) {
  ShareData();
  Start();
  EXPECT_EQ(supabase_.open, 0);
  ASSERT_TRUE(SwitchTo("supabase").status.ok());
  ASSERT_TRUE(SwitchTo("timeweb").status.ok()) << "waits for the closing of the old one";
  ASSERT_TRUE(SwitchTo("supabase").status.ok());
  switch_.reset();
  EXPECT_EQ(timeweb_.open, 0);
  EXPECT_EQ(supabase_.open, 0);
}

TEST_F(BackendSwitchTest, ATargetThatDoesNotOpenLeavesTheOldOneServing) {
  Start();
  supabase_.away = true;
  for (const bool force : {false, true}) {
    const Outcome outcome = SwitchTo("supabase", force);
    EXPECT_EQ(ReasonOf(outcome.status), kTargetNotOpened);
    EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("supabase cannot be opened: cannot connect"));
    EXPECT_EQ(Serving(), "timeweb");
    EXPECT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  }
}

TEST_F(BackendSwitchTest, TheLastStepBeforeATargetServesMayRefuseIt) {
  ShareData();
  absl::Status verdict = absl::FailedPreconditionError("not this one");
  std::string asked;
  before_serving_ = [&](const Description& /*from*/, const Description& to) {
    asked = to.kind;
    return verdict;
  };
  Start();
  EXPECT_EQ(SwitchTo("supabase").status, verdict);
  EXPECT_EQ(Serving(), "timeweb");
  EXPECT_EQ(asked, "memory");
  EXPECT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  verdict = absl::OkStatus();
  EXPECT_TRUE(SwitchTo("supabase").status.ok());
  EXPECT_EQ(Serving(), "supabase");
}

TEST_F(BackendSwitchTest, CommitsAreCheckedByTheTargetThatServes) {
  ShareData();
  Start();
  supabase_.holds = false;
  EXPECT_TRUE(switch_->CheckHolds(SetKey("s", "1", "one")).ok());
  ASSERT_TRUE(SwitchTo("supabase").status.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(switch_->CheckHolds(SetKey("s", "1", "one"))));
}

TEST_F(BackendSwitchTest, UnknownAndServingTargetsAreRefused) {
  Start();
  EXPECT_EQ(ReasonOf(SwitchTo("elsewhere").status), kUnknownTarget);
  EXPECT_EQ(ReasonOf(SwitchTo("timeweb").status), kTargetServes);
}

TEST_F(BackendSwitchTest, ACallThatDoesNotEndBoundsThePause) {
  ShareData();
  Start();
  timeweb_.hold_answers = true;
  absl::Notification answered;
  switch_->Apply({SetKey("s", "1", "one")}, absl::InfiniteFuture(), [&](auto /*results*/) { answered.Notify(); });
  const Outcome outcome = SwitchTo("supabase", /*force=*/false, absl::Milliseconds(10));
  EXPECT_EQ(ReasonOf(outcome.status), kPauseTooLong);
  EXPECT_GE(outcome.report.pause, absl::Milliseconds(10));
  EXPECT_EQ(Serving(), "timeweb");
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), Raw("one")) << "serves on, beside the call under way";
  timeweb_.Release();
  answered.WaitForNotification();
}

TEST_F(BackendSwitchTest, CallsOfThePauseAreHeldInOrderAndGoToTheNewTarget) {
  ShareData();
  Start();
  timeweb_.hold_answers = true;
  std::vector<int> order;
  absl::Notification last;
  switch_->Apply({SetKey("s", "1", "first")}, absl::InfiniteFuture(), [](auto /*results*/) {});
  std::thread switching([&] { EXPECT_TRUE(SwitchTo("supabase").status.ok()); });
  // A call that no longer reaches the old database is held.
  for (bool held = false; !held;) {
    const int calls = timeweb_.calls;
    auto probe = std::make_shared<absl::Notification>();
    switch_->Ping(absl::InfiniteFuture(), [probe](const absl::Status& /*status*/) { probe->Notify(); });
    held = timeweb_.calls == calls;
  }
  const int reached = timeweb_.calls;
  for (int i = 0; i < 100; ++i) {
    switch_->Apply({SetKey("s", "2", absl::StrCat(i))}, absl::InfiniteFuture(), [&order, &last, i](auto results) {
      EXPECT_TRUE(results.front().ok());
      order.push_back(i);
      if (i == 99) last.Notify();
    });
  }
  EXPECT_EQ(timeweb_.calls, reached) << "nothing goes to the old database any more";
  timeweb_.Release();
  last.WaitForNotification();
  switching.join();
  std::vector<int> in_order(100);
  for (int i = 0; i < 100; ++i) in_order[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(order, in_order);
  EXPECT_EQ(ReadKey(*switch_, "s", "2"), Raw("99"));
}

TEST_F(BackendSwitchTest, ASnapshotKeepsItsTargetOpen) {
  ShareData();
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  auto snapshot = AwaitCall<absl::StatusOr<std::unique_ptr<Snapshot>>>(
      [&](auto done) { switch_->OpenSnapshot({"s"}, absl::InfiniteFuture(), std::move(done)); });
  ASSERT_TRUE(snapshot.ok());
  ASSERT_TRUE(SwitchTo("supabase").status.ok());
  EXPECT_EQ(timeweb_.open, 1);
  const auto page = AwaitCall<absl::StatusOr<Snapshot::Page>>(
      [&](auto done) { (*snapshot)->Next(1000, absl::InfiniteFuture(), std::move(done)); });
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->keys.front().value, Raw("one"));
  snapshot->reset();
  ASSERT_TRUE(SwitchTo("timeweb").status.ok()) << "it was closed, and opens again";
}

TEST_F(BackendSwitchTest, OnlyOneSwitchAtATime) {
  ShareData();
  Start();
  absl::Notification go_on;
  absl::Notification compares;
  on_progress_ = [&](const SwitchProgress& progress) {
    if (progress.phase != SwitchProgress::Phase::kOpening) return;
    compares.Notify();
    go_on.WaitForNotification();
  };
  std::thread first([&] { EXPECT_TRUE(SwitchTo("supabase").status.ok()); });
  compares.WaitForNotification();
  EXPECT_EQ(ReasonOf(SwitchTo("supabase").status), kSwitchUnderWay);
  go_on.Notify();
  first.join();
}

TEST_F(BackendSwitchTest, ASwitchIsGivenUpWhenItsCallerIsGone) {
  ShareData();
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  cancelled_ = true;
  EXPECT_EQ(ReasonOf(SwitchTo("supabase").status), kSwitchCancelled);
  EXPECT_EQ(Serving(), "timeweb");
}

TEST_F(BackendSwitchTest, NoSwitchBeginsOnceStopped) {
  ShareData();
  Start();
  switch_->StopSwitching();
  EXPECT_FALSE(SwitchTo("supabase").status.ok());
  EXPECT_EQ(Serving(), "timeweb");
}

TEST_F(BackendSwitchTest, OnlyTheServingTargetIsCopiedAndOnlyWhereItIsAFile) {
  ShareData();
  copy_ = [](const CopyRequest& request) { return CopyReport{absl::StrCat("/copies/", request.name), 1, absl::Now()}; };
  Start();
  const auto copied = Copy();
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->path, "/copies/copy.db");
  ASSERT_TRUE(SwitchTo("supabase").status.ok());
  const auto refused = Copy();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), kNotAFile);
}

TEST_F(BackendSwitchTest, WhoCopiesLearnsWhetherTheStoreIsStillInItsPlace) {
  copy_ = [](const CopyRequest& request) -> absl::StatusOr<CopyReport> { return request.in_place(); };
  timeweb_.moved = true;
  Start();
  EXPECT_EQ(ReasonOf(Copy().status()), kDatabaseMoved);
}

TEST_F(BackendSwitchTest, ThereIsNoSwitchDuringACopyWhichAStopGivesUp) {
  ShareData();
  absl::Notification copies;
  copy_ = [&](const CopyRequest& request) -> absl::StatusOr<CopyReport> {
    copies.Notify();
    while (!request.cancelled()) std::this_thread::yield();
    return absl::CancelledError();
  };
  Start();
  std::thread copying([&] { EXPECT_TRUE(absl::IsCancelled(Copy().status())); });
  copies.WaitForNotification();
  EXPECT_EQ(ReasonOf(SwitchTo("supabase").status), kSwitchUnderWay);
  EXPECT_EQ(ReasonOf(Copy().status()), kSwitchUnderWay);
  switch_->StopSwitching();
  copying.join();
  EXPECT_EQ(ReasonOf(Copy().status()), kSwitchUnderWay);
}

TEST_F(BackendSwitchTest, AProbeOpensWhatDoesNotServeAndClosesItAgain) {
  Start();
  const auto probe = [this] {
    return AwaitCall<std::map<std::string, absl::Status>>([&](auto done) { switch_->Probe(std::move(done)); });
  };
  auto results = probe();
  ASSERT_EQ(results.size(), 1);
  EXPECT_TRUE(results.at("supabase").ok());
  supabase_.away = true;
  results = probe();
  EXPECT_EQ(ReasonOf(results.at("supabase")), kTargetNotOpened);
  switch_.reset();
  EXPECT_EQ(supabase_.open, 0);
}

// Every writer has a session of its own and writes one more than it read, so a commit that was lost or applied twice
// shows in the end.
TEST_F(BackendSwitchTest, ThereAndBackUnderLoadLosesNothingAndAppliesNothingTwice) {
  ShareData();
  Start();
  constexpr int kWriters = 4;
  std::atomic<bool> stop = false;
  std::vector<std::uint64_t> acknowledged(kWriters, 0);
  std::vector<std::thread> writers;
  writers.reserve(kWriters);
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      const std::string session_id = absl::StrCat("s", writer);
      std::uint64_t& count = acknowledged[static_cast<std::size_t>(writer)];
      while (!stop) {
        Commit commit = SetKey(session_id, "1", absl::StrCat(count + 1));
        commit.expected_revision = count;
        const auto applied = Apply(*switch_, std::move(commit));
        ASSERT_TRUE(applied.ok()) << applied.status();
        ASSERT_EQ(applied->revision, count + 1);
        ++count;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = SwitchTo(i % 2 == 0 ? "supabase" : "timeweb");
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
  stop = true;
  for (std::thread& thread : writers) thread.join();
  for (int writer = 0; writer < kWriters; ++writer) {
    const std::uint64_t count = acknowledged[static_cast<std::size_t>(writer)];
    EXPECT_GT(count, 0);
    EXPECT_EQ(ReadKey(*switch_, absl::StrCat("s", writer), "1"), Raw(absl::StrCat(count)));
  }
  EXPECT_EQ(Serving(), "timeweb");
}

}  // namespace
}  // namespace authstate::storage
