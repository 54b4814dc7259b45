#ifndef AUTHSTATE_STORAGE_DECORATORS_WRITES_INSIDE_H_
#define AUTHSTATE_STORAGE_DECORATORS_WRITES_INSIDE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/decorators/call_gate.h"

namespace authstate::storage {

// The writes that a MaintenanceGate has let in. Those that the terms in force allow count apart, as nobody waits for
// their end; under other terms they are writes as all others. Thread-safe; shut at first.
class WritesInside {
 public:
  // The same as those of CallGate.
  bool Enter() { return gate_.Enter(); }
  void Leave() { gate_.Leave(); }
  void Open() { gate_.Open(); }
  void Shut() { gate_.Shut(); }

  // For a write that the terms allow, though it is shut; LeaveAllowed follows, with what this returns.
  std::uint64_t EnterAllowed() {
    const absl::MutexLock lock(&mutex_);
    gate_.EnterShut();
    ++allowed_;
    return terms_;
  }
  void LeaveAllowed(std::uint64_t entered) {
    const absl::MutexLock lock(&mutex_);
    gate_.Leave();
    if (entered == terms_) --allowed_;
  }

  // From now on other terms are in force.
  void ChangeTerms() {
    const absl::MutexLock lock(&mutex_);
    ++terms_;
    allowed_ = 0;
  }

  // Those that the terms in force would not have let in.
  std::uint64_t under_way() const {
    const absl::MutexLock lock(&mutex_);
    return gate_.inside() - allowed_;
  }

 private:
  CallGate gate_;
  mutable absl::Mutex mutex_;
  std::uint64_t terms_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t allowed_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_WRITES_INSIDE_H_
