#include "storage/decorators/call_router.h"

namespace authstate::storage {

void CallRouter::RouteOrHold(RoutedCall call) {
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      if (paused_) {
        held_.push_back(std::move(call));
        return;
      }
    }
    // The pause ended meanwhile. Another one may have begun.
    OpenTarget* const target = current_.load();
    if (target->calls.Enter()) return std::move(call)(*target);
  }
}

void CallRouter::Pause() {
  const absl::MutexLock lock(&mutex_);
  paused_ = true;
  current_.load()->calls.Shut();
}

void CallRouter::Resume(OpenTarget* target) {
  current_.store(target);
  while (true) {
    std::deque<RoutedCall> held;
    {
      const absl::MutexLock lock(&mutex_);
      if (held_.empty()) {
        target->calls.Open();
        paused_ = false;
        return;
      }
      held.swap(held_);
    }
    // What comes meanwhile is held, and so stays behind these.
    for (RoutedCall& call : held) {
      target->calls.EnterShut();
      std::move(call)(*target);
    }
  }
}

}  // namespace authstate::storage
