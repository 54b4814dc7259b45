#include "storage/decorators/backend_switch.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/decorators/routed_call.h"
#include "storage/error.h"

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

}  // namespace

struct BackendSwitch::Target {
  explicit Target(TargetOptions options) : options(std::move(options)) {}

  const TargetOptions options;
  storage::OpenTarget open;
  // Under the mutex of the switch.
  std::optional<Description> description;
  absl::Time serving_since;
  // Only the one thread that switches uses it.
  std::thread closer;
};

struct BackendSwitch::Attempt {
  SwitchRequest request;
  std::function<bool()> cancelled;
  ProgressFn progress;
  Target* from = nullptr;
  Target* to = nullptr;
  SwitchReport report;
};

absl::StatusOr<std::unique_ptr<BackendSwitch>> BackendSwitch::Create(Options options) {
  absl::StatusOr<std::unique_ptr<Backend>> first = options.targets[options.first].open();
  if (!first.ok()) return first.status();
  return std::unique_ptr<BackendSwitch>(new BackendSwitch(std::move(options), *std::move(first)));
}

BackendSwitch::BackendSwitch(Options options, std::unique_ptr<Backend> first) : options_(std::move(options)) {
  for (const TargetOptions& target : options_.targets) targets_.push_back(std::make_unique<Target>(target));
  Target& target = *targets_[options_.first];
  target.description = first->Describe();
  target.serving_since = absl::Now();
  target.open.backend = std::move(first);
  router_ = std::make_unique<CallRouter>(&target.open);
  const absl::MutexLock lock(&mutex_);
  serving_ = &target;
}

BackendSwitch::~BackendSwitch() {
  StopSwitching();
  std::thread task;
  {
    const absl::MutexLock lock(&mutex_);
    task = std::move(task_);
  }
  if (task.joinable()) task.join();
  for (const auto& target : targets_) {
    if (target->closer.joinable()) target->closer.join();
    target->open.backend.reset();
  }
}

void BackendSwitch::Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
  router_->Route([commits = std::move(commits), deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
    target.backend->Apply(std::move(commits), deadline, LeavingFirst(target, std::move(done)));
  });
}

void BackendSwitch::Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) {
  router_->Route(
      [requests = std::move(requests), deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
        target.backend->Read(std::move(requests), deadline, LeavingFirst(target, std::move(done)));
      });
}

void BackendSwitch::OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) {
  router_->Route([request = std::move(request), deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
    target.backend->OpenSnapshot(std::move(request), deadline, KeepingOpen(target, std::move(done)));
  });
}

void BackendSwitch::Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) {
  router_->Route(
      [requests = std::move(requests), deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
        target.backend->Leases(std::move(requests), deadline, LeavingFirst(target, std::move(done)));
      });
}

void BackendSwitch::List(ListRequest request, absl::Time deadline, ListDone done) {
  router_->Route([request = std::move(request), deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
    target.backend->List(std::move(request), deadline, LeavingFirst(target, std::move(done)));
  });
}

void BackendSwitch::PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) {
  router_->Route([request = std::move(request), deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
    target.backend->PurgeExpired(std::move(request), deadline, LeavingFirst(target, std::move(done)));
  });
}

void BackendSwitch::Grants(GrantRequest request, absl::Time deadline, GrantsDone done) {
  router_->Route([request = std::move(request), deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
    target.backend->Grants(std::move(request), deadline, LeavingFirst(target, std::move(done)));
  });
}

void BackendSwitch::Ping(absl::Time deadline, PingDone done) {
  router_->Route([deadline, done = std::move(done)](storage::OpenTarget& target) mutable {
    target.backend->Ping(deadline, LeavingFirst(target, std::move(done)));
  });
}

Description BackendSwitch::Describe() const {
  const absl::MutexLock lock(&mutex_);
  return *serving_->description;
}

// By the tables of the target that serves, also in a pause: that one is not closed before this has left it.
absl::Status BackendSwitch::CheckHolds(const Commit& commit) const {
  storage::OpenTarget* target = nullptr;
  {
    const absl::MutexLock lock(&mutex_);
    target = &serving_->open;
    target->calls.EnterShut();
  }
  absl::Status holds = target->backend->CheckHolds(commit);
  target->calls.Leave();
  return holds;
}

std::vector<TargetState> BackendSwitch::ListTargets() const {
  std::vector<TargetState> states;
  const absl::MutexLock lock(&mutex_);
  for (const auto& target : targets_) {
    TargetState state;
    state.name = target->options.name;
    state.serving = target.get() == serving_;
    if (state.serving) state.serving_since = target->serving_since;
    state.description = target->description;
    state.stats = target->options.stats->Summarize();
    state.statements = target->options.stats;
    state.calls = target->options.calls;
    states.push_back(std::move(state));
  }
  return states;
}

bool BackendSwitch::StartTask(std::function<void()> task) {
  std::thread previous;
  {
    const absl::MutexLock lock(&mutex_);
    if (busy_ || stopping_) return false;
    busy_ = true;
    previous = std::move(task_);
  }
  // It has done its work, and at most still tells of it.
  if (previous.joinable()) previous.join();
  const absl::MutexLock lock(&mutex_);
  task_ = std::thread(std::move(task));
  return true;
}

void BackendSwitch::EndTask() {
  const absl::MutexLock lock(&mutex_);
  busy_ = false;
}

void BackendSwitch::StopSwitching() {
  const absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void BackendSwitch::Wait(absl::Duration duration) {
  const absl::MutexLock lock(&mutex_);
  (void)mutex_.AwaitWithTimeout(absl::Condition(&stopping_), duration);
}

void BackendSwitch::CloseInBackground(Target& target) {
  target.closer = std::thread([&target] {
    (void)target.open.calls.AwaitEmpty(absl::InfiniteFuture());
    (void)target.open.snapshots.AwaitEmpty(absl::InfiniteFuture());
    target.open.backend.reset();
  });
}

void BackendSwitch::Probe(ProbeDone done) {
  const auto shared_done = std::make_shared<ProbeDone>(std::move(done));
  const bool started = StartTask([this, shared_done] {
    std::map<std::string, absl::Status> results;
    Target* serving = nullptr;
    {
      const absl::MutexLock lock(&mutex_);
      serving = serving_;
    }
    for (const auto& target : targets_) {
      if (target.get() == serving) continue;
      bool opened = false;
      results[target->options.name] = OpenIfClosed(*target, &opened);
      if (opened) CloseInBackground(*target);
    }
    EndTask();
    std::move (*shared_done)(std::move(results));
  });
  if (started) return;
  std::map<std::string, absl::Status> results;
  for (const TargetState& state : ListTargets()) {
    if (state.serving) continue;
    results[state.name] =
        Refused(absl::StatusCode::kAborted, kSwitchUnderWay, "a switch or another probe is under way");
  }
  std::move (*shared_done)(std::move(results));
}

void BackendSwitch::Switch(SwitchRequest request, std::function<bool()> cancelled, ProgressFn progress,
                           SwitchDone done) {
  const auto attempt = std::make_shared<Attempt>();
  attempt->request = std::move(request);
  attempt->progress = std::move(progress);
  attempt->cancelled = [this, cancelled = std::move(cancelled)] {
    if (cancelled()) return true;
    const absl::MutexLock lock(&mutex_);
    return stopping_;
  };
  const auto shared_done = std::make_shared<SwitchDone>(std::move(done));
  const bool started = StartTask([this, attempt, shared_done] {
    absl::Status status = RunSwitch(*attempt);
    EndTask();
    std::move (*shared_done)(std::move(status), std::move(attempt->report));
  });
  if (started) return;
  std::move (*shared_done)(
      Refused(absl::StatusCode::kAborted, kSwitchUnderWay, "another switch is under way, or the server stops"), {});
}

absl::Status BackendSwitch::OpenIfClosed(Target& target, bool* opened) {
  // Somebody may still read a snapshot of the last time: what has two backends at once may count on neither.
  if (target.closer.joinable()) {
    const absl::Time patience = absl::Now() + options_.step_timeout;
    if (!target.open.calls.AwaitEmpty(patience) || !target.open.snapshots.AwaitEmpty(patience)) {
      return Refused(absl::StatusCode::kUnavailable, kTargetNotOpened,
                     absl::StrCat(target.options.name, " is still being closed: somebody reads from it"));
    }
    target.closer.join();
  }
  absl::StatusOr<std::unique_ptr<Backend>> backend = target.options.open();
  if (!backend.ok()) {
    return Refused(absl::StatusCode::kUnavailable, kTargetNotOpened,
                   absl::StrCat(target.options.name, " cannot be opened: ", backend.status().message()));
  }
  target.open.backend = *std::move(backend);
  *opened = true;
  const absl::MutexLock lock(&mutex_);
  target.description = target.open.backend->Describe();
  return absl::OkStatus();
}

absl::Status BackendSwitch::RunSwitch(Attempt& attempt) {
  for (const auto& target : targets_) {
    if (target->options.name == attempt.request.target) attempt.to = target.get();
  }
  {
    const absl::MutexLock lock(&mutex_);
    attempt.from = serving_;
  }
  attempt.report.from = attempt.from->options.name;
  if (attempt.to == nullptr) {
    return Refused(absl::StatusCode::kNotFound, kUnknownTarget,
                   targets_.size() == 1 ? absl::StrCat("there is nothing to switch to: ", attempt.report.from,
                                                       " is the only configured backend")
                                        : absl::StrCat("no backend is configured under this name"));
  }
  if (attempt.to == attempt.from) {
    return Refused(absl::StatusCode::kFailedPrecondition, kTargetServes,
                   absl::StrCat(attempt.report.from, " serves already"));
  }

  attempt.progress({SwitchProgress::Phase::kOpening, 0, 0, 0});
  bool opened = false;
  if (absl::Status status = OpenIfClosed(*attempt.to, &opened); !status.ok()) return status;
  SessionComparison comparison(*attempt.from->open.backend, *attempt.to->open.backend);
  absl::Status status = CompareWhileServing(attempt, comparison);
  if (status.ok()) status = SwitchInPause(attempt, comparison);
  if (!attempt.request.force) {
    attempt.report.sessions_compared = comparison.equal_sessions();
    attempt.report.other_revisions = comparison.other_revisions();
    attempt.report.differences = comparison.Differences();
    attempt.report.differing_sessions = attempt.report.differences.size();
    if (attempt.report.differences.size() > kMaxNamedDifferences) {
      attempt.report.differences.resize(kMaxNamedDifferences);
    }
  }
  CloseInBackground(status.ok() ? *attempt.from : *attempt.to);
  if (status.ok()) attempt.progress({SwitchProgress::Phase::kSwitched, 0, 0, 0});
  return status;
}

absl::Status BackendSwitch::CompareWhileServing(Attempt& attempt, SessionComparison& comparison) {
  if (attempt.request.force) return attempt.cancelled() ? GivenUp() : absl::OkStatus();
  const absl::Time start = absl::Now();
  for (int round = 1;; ++round) {
    const absl::Status compared = comparison.Round(
        absl::Now() + options_.step_timeout, attempt.cancelled, [&](std::size_t done, std::size_t all) {
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
    if (round >= kMaxRounds && (!differs || absl::Now() - start > options_.lag_patience)) return absl::OkStatus();
    if (differs) Wait(kWhileServing);
  }
}

absl::Status BackendSwitch::SwitchInPause(Attempt& attempt, SessionComparison& comparison) {
  attempt.progress({SwitchProgress::Phase::kPaused, 0, 0, 0});
  const absl::Time start = absl::Now();
  const absl::Time deadline = start + attempt.request.max_pause;
  router_->Pause();
  absl::Status status;
  if (!attempt.from->open.calls.AwaitEmpty(deadline) && !attempt.request.force) {
    status = Refused(absl::StatusCode::kUnavailable, kPauseTooLong,
                     absl::StrCat("calls under way did not end within ",
                                  absl::FormatDuration(attempt.request.max_pause), "; nothing was changed, try again"));
  }
  if (status.ok() && !attempt.request.force) status = CompareInPause(attempt, comparison, deadline);
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
  attempt.report.pause = absl::Now() - start;
  return status;
}

absl::Status BackendSwitch::CompareInPause(Attempt& attempt, SessionComparison& comparison, absl::Time deadline) {
  while (true) {
    const absl::Status compared =
        comparison.Round(deadline, attempt.cancelled, [](std::size_t /*done*/, std::size_t /*all*/) {});
    const std::vector<SessionDifference> differences = comparison.Differences();
    if (compared.ok() && differences.empty()) return absl::OkStatus();
    if (absl::IsCancelled(compared)) return GivenUp();
    if (absl::Now() >= deadline) {
      // Also where the last round was cut short: what was found to differ has not been found equal since.
      if (!differences.empty()) return Differs(differences);
      return Refused(absl::StatusCode::kUnavailable, kPauseTooLong,
                     absl::StrCat("what had changed could not be compared within ",
                                  absl::FormatDuration(attempt.request.max_pause),
                                  "; nothing was changed, try again, or allow for a longer pause"));
    }
    if (!compared.ok()) return NotCompared(compared);
    Wait(kWhilePaused);
  }
}

}  // namespace authstate::storage
