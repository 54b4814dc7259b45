#include "storage/decorators/backend_switch.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/decorators/backend_switch_target.h"
#include "storage/decorators/routed_call.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

absl::Status Refused(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  return Error(code, reason, message);
}

}  // namespace

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
  std::shared_ptr<Follower> follower;
  {
    const absl::MutexLock lock(&mutex_);
    follower = std::move(follower_);
  }
  follower.reset();
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
    if (target.get() == followed_) state.following = follower_->State();
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
  if (follower_ != nullptr) follower_->GiveUp();
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
  // It is followed.
  if (target.open.backend != nullptr) return absl::OkStatus();
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

}  // namespace authstate::storage
