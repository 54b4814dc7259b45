#include "storage/write_behind/far_targets.h"

#include <map>
#include <string>
#include <utility>

#include "storage/error.h"
#include "storage/forwarding_backend.h"

namespace authstate::storage {
namespace {

absl::Status NotReachedYet() {
  return Error(absl::StatusCode::kUnavailable, kTargetNotOpened,
               "the database was not reached since the server was started, so there is nothing to switch from");
}

}  // namespace

// Holds the switch for as long as it serves.
class FarTargets::Opened final : public ForwardingBackend {
 public:
  Opened(FarTargets* targets, std::shared_ptr<BackendSwitch> opened)
      : ForwardingBackend(opened.get()), targets_(*targets), opened_(std::move(opened)) {
    targets_.SetOpened(opened_);
  }
  ~Opened() override { targets_.SetOpened(nullptr); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  FarTargets& targets_;
  const std::shared_ptr<BackendSwitch> opened_;
};

absl::StatusOr<std::unique_ptr<Backend>> FarTargets::Open() {
  absl::StatusOr<std::unique_ptr<BackendSwitch>> created = BackendSwitch::Create(options_);
  if (!created.ok()) return created.status();
  return std::make_unique<Opened>(this, *std::move(created));
}

std::vector<TargetState> FarTargets::ListTargets() const {
  if (const std::shared_ptr<BackendSwitch> open = opened()) return open->ListTargets();
  std::vector<TargetState> states;
  for (const BackendSwitch::TargetOptions& target : options_.targets) {
    TargetState& state = states.emplace_back();
    state.name = target.name;
    state.stats = target.stats->Summarize();
    state.statements = target.stats;
    state.calls = target.calls;
  }
  return states;
}

void FarTargets::Probe(ProbeDone done) {
  if (const std::shared_ptr<BackendSwitch> open = opened()) return open->Probe(std::move(done));
  std::map<std::string, absl::Status> results;
  for (const BackendSwitch::TargetOptions& target : options_.targets) results[target.name] = NotReachedYet();
  std::move(done)(std::move(results));
}

void FarTargets::Switch(SwitchRequest request, std::function<bool()> cancelled, ProgressFn progress, SwitchDone done) {
  if (const std::shared_ptr<BackendSwitch> open = opened()) {
    return open->Switch(std::move(request), std::move(cancelled), std::move(progress), std::move(done));
  }
  SwitchReport report;
  report.from = options_.targets[options_.first].name;
  std::move(done)(NotReachedYet(), std::move(report));
}

void FarTargets::Sync(SyncRequest request, std::function<bool()> cancelled, ProgressFn progress, SyncDone done) {
  if (const std::shared_ptr<BackendSwitch> open = opened()) {
    return open->Sync(std::move(request), std::move(cancelled), std::move(progress), std::move(done));
  }
  SyncReport report;
  report.from = options_.targets[options_.first].name;
  std::move(done)(NotReachedYet(), std::move(report));
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the interface's.
void FarTargets::Copy(CopyRequest /*request*/, CopyDone done) {
  std::move(done)(Error(absl::StatusCode::kFailedPrecondition, kNotAFile,
                        "with write-behind sessions are in the file and in the database: back them up through the "
                        "server, with authstatectl backup create"));
}

void FarTargets::StopSwitching() {
  if (const std::shared_ptr<BackendSwitch> open = opened()) open->StopSwitching();
}

}  // namespace authstate::storage
