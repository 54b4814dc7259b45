// What a BackendSwitch does on the one thread that compares, copies and switches.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/decorators/backend_switch.h"
#include "storage/decorators/backend_switch_target.h"
#include "storage/error.h"
#include "storage/moving/same_database.h"

namespace authstate::storage {
namespace {

// Sessions that moved on while a round ran: with no more than these, the rest is left for the pause.
constexpr std::size_t kFewSessions = 8;
// A database under constant load never comes to rest: after these rounds the pause has to do.
constexpr int kMaxRounds = 5;
constexpr absl::Duration kWhileServing = absl::Milliseconds(20);
constexpr absl::Duration kWhilePaused = absl::Milliseconds(2);

absl::Status Refused(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  return Error(code, reason, message);
}

absl::Status GivenUp() { return Refused(absl::StatusCode::kCancelled, kSwitchCancelled, "the switch was given up"); }

absl::Status Differs(const std::vector<SessionDifference>& differences) {
  return Refused(absl::StatusCode::kFailedPrecondition, kTargetDiffers,
                 absl::StrCat("the target does not keep the same: ", differences.size(), " sessions differ, such as ",
                              differences.front().session_id, ", which ", differences.front().what));
}

absl::Status NotCompared(const absl::Status& cause) {
  if (absl::IsCancelled(cause)) return cause;
  return Refused(absl::StatusCode::kUnavailable, kNotCompared,
                 absl::StrCat("the databases could not be compared: ", cause.message()));
}

SessionComparison::Options OptionsFor(const SwitchRequest& request) {
  SessionComparison::Options options;
  if (request.sync) options.copy = CopyOptions{/*writes=*/true, request.overwrite};
  return options;
}

SessionComparison::Options OptionsFor(const SyncRequest& request) {
  return {CopyOptions{request.mode == SyncRequest::Mode::kSync, request.overwrite}, request.max_bytes_per_second};
}

SyncReport ReportOf(const SessionComparison& rounds, std::string from) {
  SyncReport report;
  report.from = std::move(from);
  report.equal_sessions = rounds.equal_sessions();
  report.copies = rounds.copies();
  report.bytes_read = rounds.bytes_read();
  report.differences = rounds.Refusals();
  report.refused_sessions = report.differences.size();
  for (SessionDifference& difference : rounds.Differences()) {
    ++report.differing_sessions;
    const bool told = report.differences.size() >= kMaxNamedDifferences ||
                      std::any_of(report.differences.begin(), report.differences.end(),
                                  [&](const auto& known) { return known.session_id == difference.session_id; });
    if (!told) report.differences.push_back(std::move(difference));
  }
  if (report.differences.size() > kMaxNamedDifferences) report.differences.resize(kMaxNamedDifferences);
  return report;
}

}  // namespace

// A switch or a sync under way.
struct BackendSwitch::Attempt {
  std::function<bool()> cancelled;
  ProgressFn progress;
  Target* from = nullptr;
  Target* to = nullptr;
  // Whether `to` was opened for this.
  bool opened = false;
};

// A target that was followed until an attempt began.
struct BackendSwitch::Followed {
  Target* target = nullptr;
  std::unique_ptr<SessionComparison> rounds;
};

std::function<bool()> BackendSwitch::OrStopping(std::function<bool()> cancelled) const {
  return [this, cancelled = std::move(cancelled)] {
    if (cancelled()) return true;
    const absl::MutexLock lock(&mutex_);
    return stopping_;
  };
}

void BackendSwitch::Switch(SwitchRequest request, std::function<bool()> cancelled, ProgressFn progress,
                           SwitchDone done) {
  const auto attempt = std::make_shared<Attempt>();
  attempt->progress = std::move(progress);
  attempt->cancelled = OrStopping(std::move(cancelled));
  const auto shared_done = std::make_shared<SwitchDone>(std::move(done));
  const bool started = StartTask([this, request = std::move(request), attempt, shared_done] {
    SwitchReport report;
    absl::Status status = RunSwitch(request, *attempt, &report);
    EndTask();
    std::move (*shared_done)(std::move(status), std::move(report));
  });
  if (started) return;
  std::move (*shared_done)(
      Refused(absl::StatusCode::kAborted, kSwitchUnderWay, "another switch is under way, or the server stops"), {});
}

void BackendSwitch::Sync(SyncRequest request, std::function<bool()> cancelled, ProgressFn progress, SyncDone done) {
  const auto attempt = std::make_shared<Attempt>();
  attempt->progress = std::move(progress);
  attempt->cancelled = OrStopping(std::move(cancelled));
  const auto shared_done = std::make_shared<SyncDone>(std::move(done));
  const bool started = StartTask([this, request = std::move(request), attempt, shared_done] {
    SyncReport report;
    absl::Status status = RunSync(request, *attempt, &report);
    EndTask();
    std::move (*shared_done)(std::move(status), std::move(report));
  });
  if (started) return;
  std::move (*shared_done)(
      Refused(absl::StatusCode::kAborted, kSwitchUnderWay, "a switch or a sync is under way, or the server stops"), {});
}

void BackendSwitch::Copy(CopyRequest request, CopyDone done) {
  request.cancelled = OrStopping(std::move(request.cancelled));
  const auto shared_done = std::make_shared<CopyDone>(std::move(done));
  const bool started = StartTask([this, request = std::move(request), shared_done] {
    absl::StatusOr<CopyReport> copied = RunCopy(request);
    EndTask();
    std::move (*shared_done)(std::move(copied));
  });
  if (started) return;
  std::move (*shared_done)(Refused(absl::StatusCode::kAborted, kSwitchUnderWay,
                                   "a switch, a sync or another copy is under way, or the server stops"));
}

absl::Status BackendSwitch::Begin(const std::string& name, Attempt& attempt) {
  for (const auto& target : targets_) {
    if (target->options.name == name) attempt.to = target.get();
  }
  {
    const absl::MutexLock lock(&mutex_);
    attempt.from = serving_;
  }
  const std::string& from = attempt.from->options.name;
  if (attempt.to == nullptr) {
    return Refused(absl::StatusCode::kNotFound, kUnknownTarget,
                   targets_.size() == 1
                       ? absl::StrCat("there is nothing to switch to: ", from, " is the only configured backend")
                       : absl::StrCat("no backend is configured under this name"));
  }
  if (attempt.to == attempt.from) {
    return Refused(absl::StatusCode::kFailedPrecondition, kTargetServes, absl::StrCat(from, " serves already"));
  }
  attempt.progress({SwitchProgress::Phase::kOpening, 0, 0, 0});
  return OpenIfClosed(*attempt.to, &attempt.opened);
}

absl::Status BackendSwitch::CheckMayCopy(const Attempt& attempt) const {
  const absl::StatusOr<bool> same =
      SameDatabase(*attempt.from->open.backend, *attempt.to->open.backend, absl::Now() + options_.step_timeout);
  if (!same.ok()) return NotCompared(same.status());
  if (!*same) return absl::OkStatus();
  return Refused(absl::StatusCode::kFailedPrecondition, kSameDatabase,
                 absl::StrCat(attempt.from->options.name, " and ", attempt.to->options.name,
                              " lead to the same database: there is nothing to copy"));
}

BackendSwitch::Followed BackendSwitch::StopFollowing() {
  std::shared_ptr<Follower> follower;
  Followed followed;
  {
    const absl::MutexLock lock(&mutex_);
    follower = std::move(follower_);
    followed.target = std::exchange(followed_, nullptr);
  }
  if (follower != nullptr) followed.rounds = follower->Stop();
  return followed;
}

void BackendSwitch::Follow(Target& target, std::unique_ptr<SessionComparison> rounds) {
  auto follower = std::make_shared<Follower>(std::move(rounds), options_.step_timeout);
  const absl::MutexLock lock(&mutex_);
  follower_ = std::move(follower);
  followed_ = &target;
  if (stopping_) follower_->GiveUp();
}

void BackendSwitch::CloseUnlessNeeded(Target* target) {
  if (target == nullptr) return;
  {
    const absl::MutexLock lock(&mutex_);
    if (target == serving_ || target == followed_) return;
  }
  if (target->open.backend != nullptr && !target->closer.joinable()) CloseInBackground(*target);
}

absl::Status BackendSwitch::RunSync(const SyncRequest& request, Attempt& attempt, SyncReport* report) {
  absl::Status status = Begin(request.target, attempt);
  report->from = attempt.from->options.name;
  if (!status.ok()) return status;
  const bool copies = request.mode == SyncRequest::Mode::kSync;
  if (copies) status = CheckMayCopy(attempt);
  Followed before = StopFollowing();
  auto rounds =
      std::make_unique<SessionComparison>(*attempt.from->open.backend, *attempt.to->open.backend, OptionsFor(request));
  if (status.ok()) {
    status = CompareWhileServing(attempt, *rounds, request.mode == SyncRequest::Mode::kDryRun ? 1 : kMaxRounds);
    *report = ReportOf(*rounds, report->from);
    // What was being written while it was read is left for the next time. Not so what was to be verified.
    const std::vector<SessionDifference> wrong =
        request.mode == SyncRequest::Mode::kVerify ? rounds->Differences() : rounds->Refusals();
    if (status.ok() && !wrong.empty()) status = Differs(wrong);
  }
  if (status.ok() && request.follow) {
    // From here on as any other, and without a bound.
    Follow(*attempt.to, rounds->GoingOn(/*reversed=*/false));
  } else if (before.rounds != nullptr && (!status.ok() || !copies)) {
    Follow(*before.target, std::move(before.rounds));
  }
  CloseUnlessNeeded(before.target);
  CloseUnlessNeeded(attempt.to);
  return status;
}

absl::StatusOr<CopyReport> BackendSwitch::RunCopy(CopyRequest request) {
  Target* from = nullptr;
  {
    const absl::MutexLock lock(&mutex_);
    from = serving_;
  }
  if (from->options.copy == nullptr) {
    return Refused(absl::StatusCode::kFailedPrecondition, kNotAFile,
                   absl::StrCat("the server serves from ", from->options.name,
                                ", which is no file: the database's own tools copy it"));
  }
  request.in_place = [this, &backend = *from->open.backend] {
    absl::Status alive =
        AwaitCall<absl::Status>([&](auto done) { backend.Ping(absl::Now() + options_.step_timeout, std::move(done)); });
    // What else is wrong with it is no reason not to save it.
    return ReasonOf(alive) == kDatabaseMoved ? alive : absl::OkStatus();
  };
  return from->options.copy(request);
}

absl::Status BackendSwitch::RunSwitch(const SwitchRequest& request, Attempt& attempt, SwitchReport* report) {
  absl::Status status = Begin(request.target, attempt);
  report->from = attempt.from->options.name;
  if (!status.ok()) return status;
  if (request.sync) status = CheckMayCopy(attempt);
  Followed before = StopFollowing();
  // Who follows the target already knows what is equal.
  const bool known = request.sync && !request.overwrite && before.rounds != nullptr && before.target == attempt.to;
  auto rounds = known ? std::move(before.rounds)
                      : std::make_unique<SessionComparison>(*attempt.from->open.backend, *attempt.to->open.backend,
                                                            OptionsFor(request));
  if (status.ok() && request.force && attempt.cancelled()) status = GivenUp();
  if (status.ok() && !request.force) status = CompareWhileServing(attempt, *rounds, kMaxRounds);
  if (status.ok()) status = SwitchInPause(request, attempt, *rounds, report);
  if (!request.force) {
    report->sessions_compared = rounds->equal_sessions();
    report->other_revisions = rounds->other_revisions();
    report->copies = rounds->copies();
    report->differences = rounds->Differences();
    report->differing_sessions = report->differences.size();
    if (report->differences.size() > kMaxNamedDifferences) report->differences.resize(kMaxNamedDifferences);
  }
  if (status.ok() && request.follow) {
    auto back = request.sync
                    ? rounds->GoingOn(/*reversed=*/true)
                    : std::make_unique<SessionComparison>(*attempt.to->open.backend, *attempt.from->open.backend,
                                                          SessionComparison::Options{CopyOptions(), 0});
    Follow(*attempt.from, std::move(back));
  } else if (!status.ok() && before.target != nullptr) {
    Follow(*before.target, known ? std::move(rounds) : std::move(before.rounds));
  }
  CloseUnlessNeeded(before.target);
  CloseUnlessNeeded(attempt.from);
  CloseUnlessNeeded(attempt.to);
  if (status.ok()) attempt.progress({SwitchProgress::Phase::kSwitched, 0, 0, 0});
  return status;
}

absl::Status BackendSwitch::CompareWhileServing(Attempt& attempt, SessionComparison& comparison, int max_rounds) {
  const absl::Time start = absl::Now();
  for (int round = 1;; ++round) {
    const absl::Status compared =
        comparison.Round({options_.step_timeout}, attempt.cancelled, [&](std::size_t done, std::size_t all) {
          attempt.progress({SwitchProgress::Phase::kComparing, round, done, all});
        });
    if (!compared.ok()) return NotCompared(compared);
    if (attempt.cancelled()) return GivenUp();
    const std::vector<SessionDifference> lasting = comparison.LastingDifferences(absl::Now() - options_.lag_patience);
    if (!lasting.empty()) return Differs(lasting);
    const bool differs = !comparison.Differences().empty();
    const bool few = comparison.read_in_last_round() <= kFewSessions;
    if (few && !differs) return absl::OkStatus();
    // What keeps changing is left for the pause; a target that lags behind is given its time before.
    if (round >= max_rounds && (!differs || max_rounds == 1 || absl::Now() - start > options_.lag_patience)) {
      return absl::OkStatus();
    }
    if (differs) Wait(kWhileServing);
  }
}

absl::Status BackendSwitch::SwitchInPause(const SwitchRequest& request, Attempt& attempt, SessionComparison& comparison,
                                          SwitchReport* report) {
  attempt.progress({SwitchProgress::Phase::kPaused, 0, 0, 0});
  const absl::Time start = absl::Now();
  const absl::Time deadline = start + request.max_pause;
  router_->Pause();
  absl::Status status;
  if (!attempt.from->open.calls.AwaitEmpty(deadline) && !request.force) {
    status = Refused(absl::StatusCode::kUnavailable, kPauseTooLong,
                     absl::StrCat("calls under way did not end within ", absl::FormatDuration(request.max_pause),
                                  "; nothing was changed, try again"));
  }
  if (status.ok() && !request.force) status = CompareInPause(request, attempt, comparison, deadline);
  if (status.ok() && options_.before_serving != nullptr) {
    status = options_.before_serving(attempt.from->open.backend->Describe(), attempt.to->open.backend->Describe());
  }
  Target* const next = status.ok() ? attempt.to : attempt.from;
  {
    const absl::MutexLock lock(&mutex_);
    serving_ = next;
    if (status.ok()) next->serving_since = absl::Now();
  }
  router_->Resume(&next->open);
  report->pause = absl::Now() - start;
  return status;
}

absl::Status BackendSwitch::CompareInPause(const SwitchRequest& request, Attempt& attempt,
                                           SessionComparison& comparison, absl::Time deadline) {
  while (true) {
    const absl::Status compared = comparison.Round({absl::InfiniteDuration(), deadline}, attempt.cancelled,
                                                   [](std::size_t /*done*/, std::size_t /*all*/) {});
    const std::vector<SessionDifference> differences = comparison.Differences();
    if (compared.ok() && differences.empty()) return absl::OkStatus();
    if (absl::IsCancelled(compared)) return GivenUp();
    if (absl::Now() >= deadline) {
      // Also where the last round was cut short: what was found to differ has not been found equal since.
      if (!differences.empty()) return Differs(differences);
      return Refused(
          absl::StatusCode::kUnavailable, kPauseTooLong,
          absl::StrCat("what had changed could not be compared within ", absl::FormatDuration(request.max_pause),
                       "; nothing was changed, try again, or allow for a longer pause"));
    }
    if (!compared.ok()) return NotCompared(compared);
    Wait(kWhilePaused);
  }
}

}  // namespace authstate::storage
