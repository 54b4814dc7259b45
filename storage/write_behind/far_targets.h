#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_TARGETS_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_TARGETS_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/backend.h"
#include "storage/backend_targets.h"
#include "storage/decorators/backend_switch.h"

namespace authstate::storage {

// The databases that a far store may be in, of which one serves. Unlike those of a server without a near store none may
// have been reached yet: then all are told, and a switch is refused.
//
// A switch moves the homes with the sessions: they are leases, and a target of which one is at another fence differs.
// What is at home goes on in the near store meanwhile, and what is not flushed yet is flushed to the target.
//
// Thread-safe; outlives what Open returns.
class FarTargets final : public BackendTargets {
 public:
  explicit FarTargets(BackendSwitch::Options options) : options_(std::move(options)) {}

  // The far store, for WriteBehindOptions::open_far: fails as the target that is chosen. There is one at a time.
  absl::StatusOr<std::unique_ptr<Backend>> Open();

  std::vector<TargetState> ListTargets() const override;
  void Probe(ProbeDone done) override;
  void Switch(SwitchRequest request, std::function<bool()> cancelled, ProgressFn progress, SwitchDone done) override;
  void Sync(SyncRequest request, std::function<bool()> cancelled, ProgressFn progress, SyncDone done) override;
  // Refuses: no file has all sessions.
  void Copy(CopyRequest request, CopyDone done) override;
  void StopSwitching() override;

 private:
  class Opened;

  // Null: none is open.
  std::shared_ptr<BackendSwitch> opened() const {
    const absl::MutexLock lock(&mutex_);
    return opened_;
  }
  void SetOpened(std::shared_ptr<BackendSwitch> opened) {
    const absl::MutexLock lock(&mutex_);
    opened_ = std::move(opened);
  }

  const BackendSwitch::Options options_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<BackendSwitch> opened_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_TARGETS_H_
