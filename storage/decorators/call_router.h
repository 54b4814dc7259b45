#ifndef AUTHSTATE_STORAGE_DECORATORS_CALL_ROUTER_H_
#define AUTHSTATE_STORAGE_DECORATORS_CALL_ROUTER_H_

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "storage/backend.h"
#include "storage/decorators/call_gate.h"

namespace authstate::storage {

// One database while it is open, and who uses it. The backend is replaced only while both gates are empty.
struct OpenTarget {
  std::unique_ptr<Backend> backend;
  // Calls under way. Open while the target serves and is not paused.
  CallGate calls;
  // Open snapshots. Always shut, as a snapshot begins inside of `calls`.
  CallGate snapshots;
};

// Sends each call to the target that serves. While paused, calls are held, and go to the target that serves next, in
// the order in which they came.
//
// Route is thread-safe. The others are called by one thread at a time.
class CallRouter {
 public:
  // A call for `target`, of whose `calls` it is inside: it must see to it that Leave is called.
  using RoutedCall = absl::AnyInvocable<void(OpenTarget& target) &&>;

  // Serves from `target`, whose backend is open. Targets outlive the router.
  explicit CallRouter(OpenTarget* target) : current_(target) { target->calls.Open(); }
  CallRouter(const CallRouter&) = delete;
  CallRouter& operator=(const CallRouter&) = delete;

  // Does not block; two atomic operations while nothing is paused.
  template <typename Work>
  void Route(Work work) {
    OpenTarget* const target = current_.load();
    if (target->calls.Enter()) return std::move(work)(*target);
    RouteOrHold(std::move(work));
  }

  // From now on calls are held. Those under way go on.
  void Pause();
  // Sends the calls that were held, and all that follow, to `target`.
  void Resume(OpenTarget* target);

 private:
  void RouteOrHold(RoutedCall call);

  std::atomic<OpenTarget*> current_;
  absl::Mutex mutex_;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<RoutedCall> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_CALL_ROUTER_H_
