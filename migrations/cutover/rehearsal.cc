#include "migrations/cutover/rehearsal.h"

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace authstate::cutover {
namespace {

std::string Text(absl::Duration duration) { return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1))); }

class Rehearsal {
 public:
  Rehearsal(const std::vector<Step>& steps, const Stage& stage, RehearsalRecord* record)
      : steps_(steps), stage_(stage), record_(*record) {}

  absl::Status Run() {
    record_.outcome = Outcome::kInterrupted;
    record_.failed_step.clear();
    record_.forward = record_.way_back = std::nullopt;
    for (StepRecord& step : record_.steps) step.undo_took = std::nullopt;
    // Before anything is done: what cannot be written down is not begun.
    if (absl::Status kept = Keep(); !kept.ok()) return kept;
    for (std::size_t place = 0; place < steps_.size(); ++place) {
      if (absl::Status forward = Forward(place); !forward.ok()) return GiveUp(place, forward);
    }
    record_.forward = absl::ZeroDuration();
    for (const StepRecord& step : record_.steps) *record_.forward += step.took.value_or(absl::ZeroDuration());
    stage_.tell(absl::StrCat("all steps are done, in ", Text(*record_.forward), "; now the way back"));
    const absl::Time begun = stage_.now();
    const absl::Status back = Back();
    if (absl::IsCancelled(back)) return End(Outcome::kInterrupted, back);
    if (!back.ok()) return End(Outcome::kFailed, back);
    record_.way_back = stage_.now() - begun;
    return End(Outcome::kDone, back);
  }

 private:
  // What cannot be written down while it goes on does not stop it; at the end it is an error.
  absl::Status Keep() {
    record_.ended = stage_.now();
    return stage_.keep(record_);
  }

  // Writes down how it ended. Returns `status`, or if that is OK, why it could not be written down.
  absl::Status End(Outcome outcome, const absl::Status& status) {
    record_.outcome = outcome;
    const absl::Status kept = Keep();
    return status.ok() ? kept : status;
  }

  void Tell(std::size_t place, absl::string_view what) {
    stage_.tell(absl::StrCat(place + 1, "/", steps_.size(), " ", steps_[place].name, ": ", what));
  }

  // Runs `command` and then `check`, if there is one, and takes the time, unless it is cancelled.
  absl::Status Timed(const std::string& command, const std::string& check, absl::Duration at_most,
                     absl::Duration* took) {
    const absl::Time begun = stage_.now();
    absl::Status status = stage_.run(command, begun + at_most);
    const bool ran = status.ok();
    if (ran && !check.empty()) status = stage_.run(check, begun + at_most);
    if (absl::IsCancelled(status)) return status;
    *took = stage_.now() - begun;
    if (status.ok()) return status;
    return absl::DataLossError(
        absl::StrCat(ran ? "its check " : "", status.message(),
                     absl::IsDeadlineExceeded(status) ? absl::StrCat(" (at_most ", Text(at_most), ")") : ""));
  }

  absl::Status Forward(std::size_t place) {
    const Step& step = steps_[place];
    StepRecord& record = record_.steps[place];
    if (record.outcome == Outcome::kDone || record.outcome == Outcome::kSkipped) {
      absl::Status holds = stage_.run(step.check, stage_.now() + step.at_most);
      if (absl::IsCancelled(holds)) return holds;
      if (holds.ok()) {
        record.outcome = Outcome::kSkipped;
        Tell(place, "was done, and its check holds");
        return holds;
      }
    }
    Tell(place, step.about);
    record.outcome = Outcome::kInterrupted;
    (void)Keep();
    absl::Duration took;
    absl::Status done = Timed(step.run, step.check, step.at_most, &took);
    if (absl::IsCancelled(done)) return done;
    record.took = took;
    record.outcome = done.ok() ? Outcome::kDone : Outcome::kFailed;
    Tell(place, absl::StrCat(done.ok() ? "done" : done.message(), ", in ", Text(took)));
    (void)Keep();
    return done;
  }

  // The way forward has ended at a step.
  absl::Status GiveUp(std::size_t place, const absl::Status& why) {
    if (absl::IsCancelled(why)) return End(Outcome::kInterrupted, why);
    record_.failed_step = steps_[place].name;
    const absl::Status back = Back();
    if (absl::IsCancelled(back)) return End(Outcome::kInterrupted, back);
    return End(Outcome::kFailed, absl::DataLossError(absl::StrCat(
                                     "step ", steps_[place].name, ": ", why.message(), "; ",
                                     back.ok() ? "what was done is undone, in reverse order" : back.message())));
  }

  // Undoes every step that was begun, in this run or before it, the last one first.
  absl::Status Back() {
    std::vector<std::string> failed;
    for (std::size_t place = steps_.size(); place-- > 0;) {
      const Step& step = steps_[place];
      StepRecord& record = record_.steps[place];
      if (step.undo.empty() || record.outcome == Outcome::kNotRun) continue;
      absl::Duration took;
      absl::Status undone = Timed(step.undo, step.undone, step.at_most, &took);
      if (absl::IsCancelled(undone)) return undone;
      if (undone.ok()) {
        record.undo_took = took;
        Tell(place, absl::StrCat("undone, in ", Text(took)));
      } else {
        failed.push_back(step.name);
        if (record.outcome != Outcome::kFailed) record.outcome = Outcome::kUndoFailed;
        if (record_.failed_step.empty()) record_.failed_step = step.name;
        Tell(place, absl::StrCat("not undone: ", undone.message(), ", in ", Text(took)));
      }
      (void)Keep();
    }
    if (failed.empty()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("not undone: ", absl::StrJoin(failed, ", ")));
  }

  const std::vector<Step>& steps_;
  const Stage& stage_;
  RehearsalRecord& record_;
};

}  // namespace

absl::Status Rehearse(const Steps& steps, const Stage& stage, RehearsalRecord* record) {
  return Rehearsal(steps.steps, stage, record).Run();
}

}  // namespace authstate::cutover
