#include "migrations/cutover/rehearsal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace authstate::cutover {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Three steps of which the second has no undo. A command takes a second and succeeds, unless the test says otherwise.
class RehearsalTest : public testing::Test {
 protected:
  RehearsalTest() {
    for (const std::string name : {"a", "b", "c"}) {
      steps_.steps.push_back({name, "About.", "run " + name, "check " + name, "undo " + name, "", absl::Minutes(1)});
    }
    steps_.steps[0].undone = "undone a";
    steps_.steps[1].undo.clear();
    record_ = NewRecord(steps_, "supabase", "timeweb", now_);
  }

  absl::Status Run() {
    ran_.clear();
    Stage stage;
    stage.run = [this](const std::string& command, absl::Time deadline) {
      ran_.push_back(command);
      deadlines_[command] = deadline - now_;
      now_ += absl::Seconds(1);
      const auto answer = answers_.find(command);
      return answer == answers_.end() ? absl::OkStatus() : answer->second;
    };
    stage.now = [this] { return now_; };
    stage.keep = [this](const RehearsalRecord& record) {
      kept_.push_back(record);
      return keeps_;
    };
    stage.tell = [this](const std::string& line) { told_.push_back(line); };
    return Rehearse(steps_, stage, &record_);
  }
  std::vector<Outcome> Outcomes() const {
    std::vector<Outcome> outcomes;
    for (const StepRecord& step : record_.steps) outcomes.push_back(step.outcome);
    return outcomes;
  }

  Steps steps_;
  RehearsalRecord record_;
  absl::Time now_ = absl::FromUnixSeconds(1'796'000'000);
  std::map<std::string, absl::Status> answers_;
  absl::Status keeps_;
  std::vector<std::string> ran_;
  std::map<std::string, absl::Duration> deadlines_;
  std::vector<std::string> told_;
  std::vector<RehearsalRecord> kept_;
};

TEST_F(RehearsalTest, GoesForwardAndThenBackInReverseOrder) {
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(ran_,
              ElementsAre("run a", "check a", "run b", "check b", "run c", "check c", "undo c", "undo a", "undone a"));
  EXPECT_EQ(record_.outcome, Outcome::kDone);
  EXPECT_EQ(record_.forward, absl::Seconds(6));
  EXPECT_EQ(record_.way_back, absl::Seconds(3));
  EXPECT_EQ(record_.steps[0].took, absl::Seconds(2));
  EXPECT_EQ(record_.steps[0].undo_took, absl::Seconds(2));
  EXPECT_EQ(record_.steps[1].undo_took, std::nullopt);
  EXPECT_EQ(record_.ended - record_.started, absl::Seconds(9));
  EXPECT_EQ(kept_.back().outcome, Outcome::kDone);
}

TEST_F(RehearsalTest, RunAndCheckShareTheTime) {
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(deadlines_["run a"], absl::Seconds(60));
  EXPECT_EQ(deadlines_["check a"], absl::Seconds(59));
  EXPECT_EQ(deadlines_["undo a"], absl::Seconds(60));
  EXPECT_EQ(deadlines_["undone a"], absl::Seconds(59));
}

TEST_F(RehearsalTest, FailedStepIsUndoneWithThoseBeforeIt) {
  answers_["run c"] = absl::InternalError("exited with code 3");
  const absl::Status status = Run();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(status.message(), "step c: exited with code 3; what was done is undone, in reverse order");
  EXPECT_THAT(ran_, ElementsAre("run a", "check a", "run b", "check b", "run c", "undo c", "undo a", "undone a"));
  EXPECT_THAT(Outcomes(), ElementsAre(Outcome::kDone, Outcome::kDone, Outcome::kFailed));
  EXPECT_EQ(record_.outcome, Outcome::kFailed);
  EXPECT_EQ(record_.failed_step, "c");
  EXPECT_EQ(record_.forward, std::nullopt);
  EXPECT_EQ(record_.way_back, std::nullopt);
}

TEST_F(RehearsalTest, CheckThatDoesNotHoldIsAFailure) {
  answers_["check a"] = absl::InternalError("exited with code 1");
  EXPECT_THAT(std::string(Run().message()), HasSubstr("step a: its check exited with code 1; "));
  EXPECT_THAT(Outcomes(), ElementsAre(Outcome::kFailed, Outcome::kNotRun, Outcome::kNotRun));
}

TEST_F(RehearsalTest, TooSlowIsAFailureThatNamesTheTime) {
  answers_["run b"] = absl::DeadlineExceededError("was not done in time, and was ended");
  EXPECT_THAT(std::string(Run().message()), HasSubstr("step b: was not done in time, and was ended (at_most 1m)"));
}

TEST_F(RehearsalTest, UndoThatFailsDoesNotKeepTheOthersFromBeingTried) {
  answers_["undo c"] = absl::InternalError("exited with code 4");
  const absl::Status status = Run();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(status.message(), "not undone: c");
  EXPECT_THAT(ran_, Contains("undone a"));
  EXPECT_THAT(told_, Contains("3/3 c: not undone: exited with code 4, in 1s"));
  EXPECT_THAT(Outcomes(), ElementsAre(Outcome::kDone, Outcome::kDone, Outcome::kUndoFailed));
  EXPECT_EQ(record_.outcome, Outcome::kFailed);
  EXPECT_EQ(record_.failed_step, "c");
  EXPECT_EQ(record_.steps[2].undo_took, std::nullopt);
  EXPECT_EQ(record_.forward, absl::Seconds(6));
  EXPECT_EQ(record_.way_back, std::nullopt);
}

TEST_F(RehearsalTest, InterruptedLeavesAllAsItIs) {
  answers_["check b"] = absl::CancelledError("interrupted");
  EXPECT_TRUE(absl::IsCancelled(Run()));
  EXPECT_THAT(ran_, ElementsAre("run a", "check a", "run b", "check b"));
  EXPECT_THAT(Outcomes(), ElementsAre(Outcome::kDone, Outcome::kInterrupted, Outcome::kNotRun));
  EXPECT_EQ(kept_.back().outcome, Outcome::kInterrupted);
}

TEST_F(RehearsalTest, ResumedRunsAgainWhatDoesNotHoldAndUndoesAllThatWasBegun) {
  answers_["run c"] = absl::CancelledError("interrupted");
  ASSERT_TRUE(absl::IsCancelled(Run()));
  answers_.clear();
  answers_["check a"] = absl::InternalError("exited with code 1");
  answers_["run a"] = absl::InternalError("exited with code 9");
  EXPECT_TRUE(absl::IsDataLoss(Run()));
  EXPECT_THAT(ran_, ElementsAre("check a", "run a", "undo c", "undo a", "undone a"));
}

TEST_F(RehearsalTest, ResumedKeepsTheTimesOfWhatItSkips) {
  answers_["run c"] = absl::CancelledError("interrupted");
  ASSERT_TRUE(absl::IsCancelled(Run()));
  answers_.clear();
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(ran_, ElementsAre("check a", "check b", "run c", "check c", "undo c", "undo a", "undone a"));
  EXPECT_THAT(Outcomes(), ElementsAre(Outcome::kSkipped, Outcome::kSkipped, Outcome::kDone));
  EXPECT_EQ(record_.steps[0].took, absl::Seconds(2));
  EXPECT_EQ(record_.forward, absl::Seconds(6));
  EXPECT_EQ(record_.outcome, Outcome::kDone);
}

TEST_F(RehearsalTest, InterruptedOnTheWayBackCanBeResumed) {
  answers_["undo a"] = absl::CancelledError("interrupted");
  ASSERT_TRUE(absl::IsCancelled(Run()));
  EXPECT_EQ(record_.outcome, Outcome::kInterrupted);
  EXPECT_EQ(record_.steps[2].undo_took, absl::Seconds(1));
  answers_.clear();
  answers_["check c"] = absl::InternalError("exited with code 1");
  EXPECT_TRUE(absl::IsDataLoss(Run()));
  EXPECT_THAT(ran_, ElementsAre("check a", "check b", "check c", "run c", "check c", "undo c", "undo a", "undone a"));
}

// So that a rehearsal that is killed can be gone on with.
TEST_F(RehearsalTest, RecordIsKeptBeforeAndAfterEachStep) {
  ASSERT_TRUE(Run().ok());
  ASSERT_GE(kept_.size(), 4U);
  EXPECT_EQ(kept_[0].steps[0].outcome, Outcome::kNotRun);
  EXPECT_EQ(kept_[1].steps[0].outcome, Outcome::kInterrupted);
  EXPECT_EQ(kept_[2].steps[0].outcome, Outcome::kDone);
  EXPECT_EQ(kept_[2].outcome, Outcome::kInterrupted);
}

TEST_F(RehearsalTest, NothingIsRunWhereNothingCanBeWrittenDown) {
  keeps_ = absl::PermissionDeniedError("rehearsal.json");
  EXPECT_TRUE(absl::IsPermissionDenied(Run()));
  EXPECT_THAT(ran_, IsEmpty());
}

}  // namespace
}  // namespace authstate::cutover
