// A switch that makes the other database equal first, and one that is kept equal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/error.h"
#include "tests/unit/decorators/backend_switch_test.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

class BackendSyncTest : public BackendSwitchTest {
 protected:
  struct SyncOutcome {
    absl::Status status;
    SyncReport report;
  };
  SyncOutcome Sync(SyncRequest request) {
    request.target = request.target.empty() ? "supabase" : request.target;
    return AwaitCall<SyncOutcome>([&](auto done) {
      switch_->Sync(
          request, [this] { return cancelled_.load(); },
          [this](const SwitchProgress& progress) {
            if (on_progress_) on_progress_(progress);
          },
          [done = std::move(done)](absl::Status status, SyncReport report) mutable {
            done({std::move(status), std::move(report)});
          });
    });
  }
  Outcome SwitchInSync(const std::string& target, bool follow = false, bool overwrite = false) {
    SwitchRequest request;
    request.target = target;
    request.max_pause = absl::Seconds(30);
    request.sync = true;
    request.follow = follow;
    request.overwrite = overwrite;
    return AwaitCall<Outcome>([&](auto done) {
      switch_->Switch(
          request, [] { return false; },
          [this](const SwitchProgress& progress) {
            if (on_progress_) on_progress_(progress);
          },
          [done = std::move(done)](absl::Status status, SwitchReport report) mutable {
            done({std::move(status), std::move(report)});
          });
    });
  }
  std::optional<FollowState> Following(const std::string& name) {
    for (const TargetState& state : switch_->ListTargets()) {
      if (state.name == name) return state.following;
    }
    return std::nullopt;
  }
  // Until the target has what was written before this.
  void AwaitFollowed(const std::string& name) {
    const absl::Time written = absl::Now();
    const absl::Time give_up = written + absl::Minutes(1);
    while (absl::Now() < give_up) {
      const std::optional<FollowState> state = Following(name);
      ASSERT_TRUE(state.has_value());
      if (state->equal_time.value_or(absl::InfinitePast()) >= written) return;
      absl::SleepFor(absl::Milliseconds(1));
    }
    FAIL() << "not followed";
  }
};

TEST_F(BackendSyncTest, ASyncMakesTheTargetEqualAndASwitchThenTakesIt) {
  Start();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Apply(*switch_, SetKey(absl::StrCat("s", i), "1", "one")).ok());
  const SyncOutcome synced = Sync({});
  ASSERT_TRUE(synced.status.ok()) << synced.status;
  EXPECT_EQ(synced.report.from, "timeweb");
  EXPECT_EQ(synced.report.copies, 20U);
  EXPECT_EQ(synced.report.equal_sessions, 20U);
  EXPECT_EQ(Sync({}).report.copies, 0U) << "run again it verifies";
  ASSERT_TRUE(SwitchTo("supabase").status.ok());
  EXPECT_EQ(ReadKey(*switch_, "s7", "1"), Raw("one"));
}

TEST_F(BackendSyncTest, ASwitchInSyncCopiesWhatIsMissing) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  EXPECT_EQ(ReasonOf(SwitchTo("supabase").status), kTargetDiffers);
  const Outcome outcome = SwitchInSync("supabase");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.report.copies, 1U);
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), Raw("one"));
}

TEST_F(BackendSyncTest, ATargetThatGoesAwayInThePauseLeavesTheOldOneServing) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  on_progress_ = [this](const SwitchProgress& progress) {
    if (progress.phase == SwitchProgress::Phase::kPaused) supabase_.away = true;
  };
  EXPECT_EQ(ReasonOf(SwitchInSync("supabase").status), kNotCompared);
  EXPECT_EQ(Serving(), "timeweb");
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "two")).ok());
  on_progress_ = nullptr;
  supabase_.away = false;
  ASSERT_TRUE(SwitchInSync("supabase").status.ok());
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), Raw("two"));
}

TEST_F(BackendSyncTest, WhatIsChangedBetweenTheLastRoundAndThePauseIsCopiedInThePause) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  on_progress_ = [this](const SwitchProgress& progress) {
    if (progress.phase != SwitchProgress::Phase::kPaused) return;
    EXPECT_TRUE(Apply(*timeweb_.data, SetKey("s", "1", "two")).ok());
  };
  const Outcome outcome = SwitchInSync("supabase");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.report.copies, 2U);
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), Raw("two"));
}

TEST_F(BackendSyncTest, ADryRunAndAVerificationWriteNothing) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  SyncRequest request;
  request.mode = SyncRequest::Mode::kDryRun;
  const SyncOutcome told = Sync(request);
  EXPECT_TRUE(told.status.ok()) << told.status;
  EXPECT_EQ(told.report.differing_sessions, 1U);
  EXPECT_EQ(told.report.refused_sessions, 0U);
  request.mode = SyncRequest::Mode::kVerify;
  EXPECT_EQ(ReasonOf(Sync(request).status), kTargetDiffers);
  EXPECT_EQ(supabase_.calls, 0);
  EXPECT_EQ(Following("supabase"), std::nullopt);
}

TEST_F(BackendSyncTest, RefusedSessionsAreNamedFirstAndTheRestIsCopied) {
  Start();
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("extra", "1", "there")).ok());
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Apply(*switch_, SetKey(absl::StrCat("s", i), "1", "one")).ok());
  const SyncOutcome synced = Sync({});
  EXPECT_EQ(ReasonOf(synced.status), kTargetDiffers);
  EXPECT_THAT(std::string(synced.status.message()), HasSubstr("extra, which is on the target only"));
  EXPECT_EQ(synced.report.copies, 30U);
  EXPECT_EQ(synced.report.refused_sessions, 1U);
  ASSERT_EQ(synced.report.differences.size(), 1U);
  EXPECT_EQ(ReasonOf(SwitchInSync("supabase").status), kTargetDiffers);
  EXPECT_EQ(Serving(), "timeweb");
  ASSERT_TRUE(SwitchInSync("supabase", /*follow=*/false, /*overwrite=*/true).status.ok());
  EXPECT_EQ(ReadKey(*switch_, "extra", "1"), std::nullopt);
}

TEST_F(BackendSyncTest, TwoNamesOfOneDatabaseAreNotCopied) {
  ShareData();
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  EXPECT_EQ(ReasonOf(Sync({}).status), kSameDatabase);
  EXPECT_EQ(ReasonOf(SwitchInSync("supabase").status), kSameDatabase);
  EXPECT_TRUE(SwitchTo("supabase").status.ok());
}

TEST_F(BackendSyncTest, AfterASwitchTheOldOneIsKeptEqualAndTheWayBackLosesNothing) {
  Start();
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  ASSERT_TRUE(SwitchInSync("supabase", /*follow=*/true).status.ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "two")).ok());
  ASSERT_TRUE(Apply(*switch_, SetKey("new", "1", "three")).ok());
  AwaitFollowed("timeweb");
  EXPECT_EQ(ReadKey(*timeweb_.data, "s", "1"), Raw("two"));
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "four")).ok());
  ASSERT_TRUE(SwitchInSync("timeweb").status.ok());
  EXPECT_EQ(ReadKey(*switch_, "s", "1"), Raw("four"));
  EXPECT_EQ(Following("supabase"), std::nullopt);
}

TEST_F(BackendSyncTest, ATargetThatIsAwayIsFollowedOnceItIsBack) {
  Start();
  SyncRequest request;
  request.follow = true;
  ASSERT_TRUE(Sync(request).status.ok());
  supabase_.away = true;
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  const absl::Time give_up = absl::Now() + absl::Minutes(1);
  while (Following("supabase")->error.empty() && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(Following("supabase")->error, "away");
  supabase_.away = false;
  AwaitFollowed("supabase");
  EXPECT_EQ(ReadKey(*supabase_.data, "s", "1"), Raw("one"));
  EXPECT_EQ(Following("supabase")->error, "");
}

TEST_F(BackendSyncTest, OnlyWhatSucceedsEndsTheFollowing) {
  Start();
  SyncRequest follow;
  follow.follow = true;
  ASSERT_TRUE(Sync(follow).status.ok());
  SyncRequest verify;
  verify.mode = SyncRequest::Mode::kVerify;
  ASSERT_TRUE(Sync(verify).status.ok());
  EXPECT_TRUE(Following("supabase").has_value());
  ASSERT_TRUE(Apply(*switch_, SetKey("s", "1", "one")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("s", "2", "x")).ok());
  ASSERT_TRUE(Apply(*supabase_.data, SetKey("s", "2", "y")).ok());
  EXPECT_EQ(ReasonOf(SwitchInSync("supabase").status), kTargetDiffers);
  EXPECT_TRUE(Following("supabase").has_value());
  SyncRequest overwrite;
  overwrite.overwrite = true;
  const SyncOutcome synced = Sync(overwrite);
  ASSERT_TRUE(synced.status.ok()) << synced.status;
  EXPECT_FALSE(Following("supabase").has_value());
}

TEST_F(BackendSyncTest, ASyncIsGivenUpWithItsCaller) {
  Start();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Apply(*switch_, SetKey(absl::StrCat("s", i), "1", "one")).ok());
  on_progress_ = [this](const SwitchProgress& progress) {
    if (progress.compared == 5) cancelled_ = true;
  };
  EXPECT_EQ(ReasonOf(Sync({}).status), kSwitchCancelled);
}

TEST_F(BackendSyncTest, UnderLoadThereAndBackEveryCommitIsKept) {
  Start();
  constexpr int kSessions = 4;
  std::atomic<bool> stop = false;
  std::vector<std::uint64_t> acknowledged(kSessions, 0);
  std::vector<std::thread> writers;
  for (int i = 0; i < kSessions; ++i) {
    writers.emplace_back([&, i] {
      std::uint64_t& count = acknowledged[static_cast<std::size_t>(i)];
      while (!stop) {
        Commit commit = SetKey(absl::StrCat("s", i), "1", absl::StrCat(count + 1));
        commit.expected_revision = count;
        const auto applied = Apply(*switch_, std::move(commit));
        ASSERT_TRUE(applied.ok()) << applied.status();
        ASSERT_EQ(applied->revision, ++count);
      }
    });
  }
  for (int i = 0; i < 6; ++i) {
    const Outcome outcome = SwitchInSync(i % 2 == 0 ? "supabase" : "timeweb", /*follow=*/true);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  for (int i = 0; i < kSessions; ++i) {
    EXPECT_EQ(ReadKey(*switch_, absl::StrCat("s", i), "1"),
              Raw(absl::StrCat(acknowledged[static_cast<std::size_t>(i)])));
  }
}

}  // namespace
}  // namespace authstate::storage
