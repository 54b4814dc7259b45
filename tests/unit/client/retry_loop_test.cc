#include "client/cpp/retry_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "client/cpp/error.h"
#include "client/cpp/error_payload.h"
#include "google/rpc/error_details.pb.h"

namespace authstate::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Time that passes only when the loop sleeps.
class FakeTime : public Timekeeper {
 public:
  absl::Time Now() override { return now_; }
  bool Sleep(absl::Duration duration) override {
    if (cancelled) return false;
    now_ += duration;
    pauses.push_back(duration);
    return true;
  }
  double Jitter() override { return jitter; }

  void Pass(absl::Duration duration) { now_ += duration; }

  bool cancelled = false;
  double jitter = 0;
  std::vector<absl::Duration> pauses;

 private:
  absl::Time now_ = absl::UnixEpoch();
};

// Answers the given statuses one after another; the test fails if more attempts are made.
class Attempts {
 public:
  explicit Attempts(std::vector<absl::Status> answers) : answers_(std::move(answers)) {}

  absl::Status Make(absl::Time deadline) {
    deadlines.push_back(deadline);
    if (made >= answers_.size()) {
      ADD_FAILURE() << "attempt " << made + 1 << " was not expected";
      return absl::OkStatus();
    }
    return answers_[made++];
  }

  std::size_t made = 0;
  std::vector<absl::Time> deadlines;

 private:
  std::vector<absl::Status> answers_;
};

absl::Status Retry(Repetition repetition, const RetrySchedule& schedule, FakeTime& time, Attempts& attempts) {
  return RetryLoop(repetition, schedule, time, [&attempts](absl::Time deadline) { return attempts.Make(deadline); });
}

RetrySchedule TenSeconds() {
  RetrySchedule schedule;
  schedule.patience = absl::Seconds(10);
  schedule.deadline = absl::Seconds(30);
  return schedule;
}

absl::Status Lost() { return absl::UnavailableError("connection reset"); }
absl::Status Refused() { return WithOutcome(absl::UnavailableError("draining"), Outcome::kNotApplied); }

absl::Status QueueFull(absl::Duration delay) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(delay));
  absl::Status status = WithOutcome(absl::ResourceExhaustedError("queue full"), Outcome::kNotApplied);
  status.SetPayload(kRetryInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

TEST(RetryLoopTest, ReadIsRepeatedUntilItSucceeds) {
  FakeTime time;
  Attempts attempts({Lost(), Lost(), absl::OkStatus()});
  EXPECT_TRUE(Retry(Repetition::kRead, TenSeconds(), time, attempts).ok());
  EXPECT_EQ(attempts.made, 3U);
}

TEST(RetryLoopTest, FailedReadHasNoOutcome) {
  FakeTime time;
  Attempts attempts({absl::DataLossError("corrupt")});
  EXPECT_FALSE(OutcomeOf(Retry(Repetition::kRead, TenSeconds(), time, attempts)).has_value());
}

TEST(RetryLoopTest, PausesDoubleUpToTheirLimit) {
  FakeTime time;
  RetrySchedule schedule = TenSeconds();
  schedule.min_pause = absl::Seconds(1);
  schedule.max_pause = absl::Seconds(3);
  Attempts attempts({Lost(), Lost(), Lost(), Lost(), absl::OkStatus()});
  EXPECT_TRUE(Retry(Repetition::kOnce, schedule, time, attempts).ok());
  EXPECT_THAT(time.pauses, ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(3), absl::Seconds(3)));
}

TEST(RetryLoopTest, JitterShortensAPauseByUpToAHalf) {
  FakeTime time;
  time.jitter = 0.5;
  RetrySchedule schedule = TenSeconds();
  schedule.min_pause = absl::Seconds(4);
  Attempts attempts({Lost(), absl::OkStatus()});
  EXPECT_TRUE(Retry(Repetition::kRead, schedule, time, attempts).ok());
  EXPECT_THAT(time.pauses, ElementsAre(absl::Seconds(3)));
}

TEST(RetryLoopTest, NoRetryBeginsAfterPatienceEnds) {
  FakeTime time;
  RetrySchedule schedule = TenSeconds();
  schedule.min_pause = absl::Seconds(5);
  schedule.max_pause = absl::Seconds(5);
  Attempts attempts({Lost(), Lost(), Lost()});
  EXPECT_TRUE(absl::IsUnavailable(Retry(Repetition::kRead, schedule, time, attempts)));
  EXPECT_EQ(attempts.made, 3U);
}

TEST(RetryLoopTest, WithoutPatienceThereIsOneAttempt) {
  FakeTime time;
  RetrySchedule schedule = TenSeconds();
  schedule.patience = absl::ZeroDuration();
  Attempts attempts({Lost()});
  EXPECT_TRUE(absl::IsUnavailable(Retry(Repetition::kRead, schedule, time, attempts)));
  EXPECT_THAT(time.pauses, IsEmpty());
}

TEST(RetryLoopTest, EveryAttemptEndsWithTheCall) {
  FakeTime time;
  const absl::Time end = time.Now() + absl::Seconds(30);
  Attempts attempts({Lost(), absl::OkStatus()});
  EXPECT_TRUE(Retry(Repetition::kRead, TenSeconds(), time, attempts).ok());
  EXPECT_THAT(attempts.deadlines, ElementsAre(end, end));
}

TEST(RetryLoopTest, TimeSpentInAnAttemptCountsAgainstPatience) {
  FakeTime time;
  int made = 0;
  const absl::Status status = RetryLoop(Repetition::kRead, TenSeconds(), time, [&](absl::Time /*deadline*/) {
    ++made;
    time.Pass(absl::Seconds(11));
    return Lost();
  });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(made, 1);
}

TEST(RetryLoopTest, FullQueueIsWaitedOutForAsLongAsTheServerAsks) {
  FakeTime time;
  Attempts attempts({QueueFull(absl::Seconds(2)), absl::OkStatus()});
  EXPECT_TRUE(Retry(Repetition::kOnce, TenSeconds(), time, attempts).ok());
  EXPECT_THAT(time.pauses, ElementsAre(absl::Seconds(2)));
}

TEST(RetryLoopTest, ExhaustionWithoutADelayIsFinal) {
  FakeTime time;
  Attempts attempts({absl::ResourceExhaustedError("disk full")});
  EXPECT_TRUE(absl::IsResourceExhausted(Retry(Repetition::kOnce, TenSeconds(), time, attempts)));
}

TEST(RetryLoopTest, OtherCodesAreFinal) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound, absl::StatusCode::kAborted,
        absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kDataLoss, absl::StatusCode::kInternal}) {
    FakeTime time;
    Attempts attempts({absl::Status(code, "final")});
    EXPECT_EQ(Retry(Repetition::kOnce, TenSeconds(), time, attempts).code(), code);
  }
}

TEST(RetryLoopTest, NotFoundAfterALostDeleteIsDone) {
  FakeTime time;
  Attempts attempts({Lost(), absl::NotFoundError("no such session")});
  EXPECT_TRUE(Retry(Repetition::kNotFoundIsDone, TenSeconds(), time, attempts).ok());
}

TEST(RetryLoopTest, NotFoundAfterARefusedDeleteStaysNotFound) {
  FakeTime time;
  Attempts attempts({Refused(), absl::NotFoundError("no such session")});
  EXPECT_TRUE(absl::IsNotFound(Retry(Repetition::kNotFoundIsDone, TenSeconds(), time, attempts)));
}

absl::Status StaleFence() {
  google::rpc::ErrorInfo info;
  info.set_reason("STALE_FENCE");
  absl::Status status = absl::FailedPreconditionError("fence: not the current one");
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

TEST(RetryLoopTest, StaleFenceAfterALostReleaseIsDone) {
  FakeTime time;
  Attempts attempts({Lost(), StaleFence()});
  EXPECT_TRUE(Retry(Repetition::kStaleFenceIsDone, TenSeconds(), time, attempts).ok());
}

TEST(RetryLoopTest, StaleFenceOfARefusedReleaseIsAnError) {
  FakeTime time;
  Attempts attempts({Refused(), StaleFence()});
  EXPECT_TRUE(absl::IsFailedPrecondition(Retry(Repetition::kStaleFenceIsDone, TenSeconds(), time, attempts)));
}

TEST(RetryLoopTest, WhatWouldHideItsFirstEffectIsNotRepeatedInDoubt) {
  FakeTime time;
  Attempts attempts({Refused(), Lost()});
  const absl::Status status = Retry(Repetition::kNotInDoubt, TenSeconds(), time, attempts);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
}

TEST(RetryLoopTest, AnAttemptInDoubtKeepsTheWholeCallInDoubt) {
  FakeTime time;
  RetrySchedule schedule = TenSeconds();
  schedule.min_pause = absl::Seconds(8);
  Attempts attempts({Lost(), Refused()});
  const absl::Status status = Retry(Repetition::kOnce, schedule, time, attempts);
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
}

TEST(RetryLoopTest, RefusedMutationWasNotApplied) {
  FakeTime time;
  Attempts attempts({absl::InvalidArgumentError("keys[0].id: empty")});
  const absl::Status status = Retry(Repetition::kOnce, TenSeconds(), time, attempts);
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
}

TEST(RetryLoopTest, CancellationEndsAPause) {
  FakeTime time;
  time.cancelled = true;
  Attempts attempts({Lost()});
  const absl::Status status = Retry(Repetition::kOnce, TenSeconds(), time, attempts);
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
}

}  // namespace
}  // namespace authstate::client
