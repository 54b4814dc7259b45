#include "storage/decorators/backend_switch.h"

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
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

Value Raw(std::string bytes) { return {ValueKind::kRaw, std::move(bytes)}; }

Commit SetKey(std::string session_id, std::string key_id, std::string bytes) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.sets.push_back({{"pre-key", std::move(key_id)}, Raw(std::move(bytes))});
  return commit;
}

absl::StatusOr<Applied> Apply(Backend& backend, Commit commit) {
  auto results = AwaitCall<std::vector<absl::StatusOr<Applied>>>(
      [&](auto done) { backend.Apply({std::move(commit)}, absl::InfiniteFuture(), std::move(done)); });
  return results.front();
}

std::optional<Value> ReadKey(Backend& backend, const std::string& session_id, const std::string& key_id) {
  ReadRequest request;
  request.session_id = session_id;
  request.keys = {{"pre-key", key_id}};
  auto results = AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
      [&](auto done) { backend.Read({request}, absl::InfiniteFuture(), std::move(done)); });
  return results.front().ok() ? results.front()->values.front() : std::nullopt;
}

// A database that several backends reach, as two routes to one PostgreSQL do. `before_call` may hold a call up, or make
// it fail.
struct Database {
  std::shared_ptr<Backend> data = NewMemoryBackend();
  std::atomic<int> open = 0;
  std::atomic<int> calls = 0;
  std::atomic<bool> away = false;
  // How many snapshots are refused from now on, as others have them all.
  std::atomic<int> refused_snapshots = 0;
  // While set, the answers of commits wait in `waiting`.
  std::atomic<bool> hold_answers = false;
  absl::Mutex mutex;
  std::vector<absl::AnyInvocable<void() &&>> waiting ABSL_GUARDED_BY(mutex);

  void Release() {
    std::vector<absl::AnyInvocable<void() &&>> released;
    {
      const absl::MutexLock lock(&mutex);
      hold_answers = false;
      released.swap(waiting);
    }
    for (auto& answer : released) std::move(answer)();
  }
};

class Route final : public Backend {
 public:
  explicit Route(Database& database) : database_(database) { ++database_.open; }
  ~Route() override { --database_.open; }
  Route(const Route&) = delete;
  Route& operator=(const Route&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    ++database_.calls;
    database_.data->Apply(std::move(commits), deadline, [this, done = std::move(done)](auto results) mutable {
      if (!database_.hold_answers) return std::move(done)(std::move(results));
      const absl::MutexLock lock(&database_.mutex);
      database_.waiting.push_back(
          [done = std::move(done), results = std::move(results)]() mutable { std::move(done)(std::move(results)); });
    });
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    ++database_.calls;
    database_.data->Read(std::move(requests), deadline, std::move(done));
  }
  void OpenSnapshot(std::string session_id, absl::Time deadline, SnapshotDone done) override {
    if (database_.refused_snapshots > 0) {
      --database_.refused_snapshots;
      return std::move(done)(QueueFull());
    }
    database_.data->OpenSnapshot(std::move(session_id), deadline, std::move(done));
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    database_.data->Leases(std::move(requests), deadline, std::move(done));
  }
  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    if (database_.away) return std::move(done)(absl::UnavailableError("away"));
    database_.data->List(std::move(request), deadline, std::move(done));
  }
  void Ping(absl::Time deadline, PingDone done) override {
    ++database_.calls;
    database_.data->Ping(deadline, std::move(done));
  }
  Description Describe() const override { return database_.data->Describe(); }

 private:
  Database& database_;
};

class BackendSwitchTest : public testing::Test {
 protected:
  void Start(absl::Duration lag_patience = absl::ZeroDuration()) {
    BackendSwitch::Options options;
    options.targets = {Target("timeweb", timeweb_), Target("supabase", supabase_)};
    options.lag_patience = lag_patience;
    auto created = BackendSwitch::Create(std::move(options));
    ASSERT_TRUE(created.ok());
    switch_ = *std::move(created);
  }
  void ShareData() { supabase_.data = timeweb_.data; }

  static BackendSwitch::TargetOptions Target(std::string name, Database& database) {
    BackendSwitch::TargetOptions target;
    target.name = std::move(name);
    target.open = [&database]() -> absl::StatusOr<std::unique_ptr<Backend>> {
      if (database.away) return absl::UnavailableError("cannot connect");
      return std::make_unique<Route>(database);
    };
    return target;
  }

  struct Outcome {
    absl::Status status;
    SwitchReport report;
  };
  Outcome SwitchTo(const std::string& target, bool force = false, absl::Duration max_pause = absl::Seconds(30)) {
    return AwaitCall<Outcome>([&](auto done) {
      switch_->Switch(
          {target, force, max_pause}, [this] { return cancelled_.load(); },
          [this](const SwitchProgress& progress) {
            if (on_progress_) on_progress_(progress);
          },
          [done = std::move(done)](absl::Status status, SwitchReport report) mutable {
            done({std::move(status), std::move(report)});
          });
    });
  }
  std::string Serving() {
    for (const TargetState& state : switch_->ListTargets()) {
      if (state.serving) return state.name;
    }
    return "";
  }

  Database timeweb_;
  Database supabase_;
  std::atomic<bool> cancelled_ = false;
  std::function<void(const SwitchProgress&)> on_progress_;
  std::unique_ptr<BackendSwitch> switch_;
};

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

TEST_F(BackendSwitchTest, DifferingDataIsRefusedAndNamed) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("changed", "1", "here")).ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("missing", "1", "here")).ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("same", "1", "here")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("changed", "1", "there")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("extra", "1", "there")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("same", "1", "here")).ok());
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.status));
  EXPECT_EQ(ReasonOf(outcome.status), kTargetDiffers);
  ASSERT_EQ(outcome.report.differences.size(), 3);
  EXPECT_EQ(outcome.report.differences[0].session_id, "changed");
  EXPECT_EQ(outcome.report.differences[0].what, "keys differ");
  EXPECT_EQ(outcome.report.differences[1].session_id, "extra");
  EXPECT_EQ(outcome.report.differences[1].what, "is on the target only");
  EXPECT_EQ(outcome.report.differences[2].session_id, "missing");
  EXPECT_EQ(outcome.report.differences[2].what, "is missing on the target");
  EXPECT_EQ(outcome.report.pause, absl::ZeroDuration()) << "no call is held for what cannot succeed";
  EXPECT_EQ(Serving(), "timeweb");
  EXPECT_EQ(ReadKey(*switch_, "changed", "1"), Raw("here"));
}

TEST_F(BackendSwitchTest, SnapshotsThatOthersHaveAreWaitedFor) {
  ShareData();
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  timeweb_.refused_snapshots = 2;
  supabase_.refused_snapshots = 1;
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(timeweb_.refused_snapshots, 0);
  EXPECT_EQ(supabase_.refused_snapshots, 0);
}

TEST_F(BackendSwitchTest, NoMoreThanTwentyDifferencesAreNamedAndAllAreCounted) {
  Start();
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(Apply(*switch_, SetKey(absl::StrCat("s", i), "1", "here")).ok());
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_EQ(outcome.report.differences.size(), kMaxNamedDifferences);
  EXPECT_EQ(outcome.report.differing_sessions, 25);
}

TEST_F(BackendSwitchTest, ForceSwitchesToDifferingData) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "here")).ok());
  ASSERT_TRUE(SwitchTo("supabase", /*force=*/true).status.ok());
  EXPECT_EQ(Serving(), "supabase");
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), std::nullopt);
}

TEST_F(BackendSwitchTest, OtherRevisionsOfTheSameContentAreCounted) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "x")).ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "same")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("s", "1", "same")).ok());
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.report.other_revisions, 1);
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

TEST_F(BackendSwitchTest, AServingDatabaseThatIsAwayCannotBeComparedAndCanBeLeftByForce) {
  ShareData();
  Start();
  timeweb_.away = true;
  EXPECT_EQ(ReasonOf(SwitchTo("supabase").status), kNotCompared);
  EXPECT_EQ(Serving(), "timeweb");
  EXPECT_TRUE(SwitchTo("supabase", /*force=*/true).status.ok());
  EXPECT_EQ(Serving(), "supabase");
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
      [&](auto done) { switch_->OpenSnapshot("s", absl::InfiniteFuture(), std::move(done)); });
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

TEST_F(BackendSwitchTest, ATargetThatLagsBehindIsWaitedFor) {
  Start(/*lag_patience=*/absl::Seconds(60));
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  on_progress_ = [&](const SwitchProgress& progress) {
    // Replication arrives after the first round found the difference.
    if (progress.phase == SwitchProgress::Phase::kComparing && progress.round == 1 && progress.compared == 1) {
      EXPECT_TRUE(Apply(*supabase_.data, SetKey("s", "1", "one")).ok());
    }
  };
  const Outcome outcome = SwitchTo("supabase");
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
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
