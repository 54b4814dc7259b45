#ifndef AUTHSTATE_STORAGE_MOVING_FOLLOWER_H_
#define AUTHSTATE_STORAGE_MOVING_FOLLOWER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend_targets.h"
#include "storage/moving/session_comparison.h"

namespace authstate::storage {

// Keeps a database equal to another one, in rounds of a comparison that copies, on a thread of its own. After each
// round it rests for twice as long as that took, 0.2 s at least and 5 s at most, so that it costs both databases a part
// of their time only. While one of them is away it goes on trying.
//
// Thread-safe, but for Stop.
class Follower {
 public:
  // Both databases outlive it, or what Stop returns. `step_timeout`: of reading one session, or the list of all.
  Follower(std::unique_ptr<SessionComparison> rounds, absl::Duration step_timeout);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Lets it end soon, with the round under way. Does not block.
  void GiveUp();
  // Ends it, and the round under way; returns what the rounds have found, for whoever goes on with them.
  std::unique_ptr<SessionComparison> Stop();

  FollowState State() const;

 private:
  void Run();
  bool stopping() const {
    const absl::MutexLock lock(&mutex_);
    return stopping_;
  }

  std::unique_ptr<SessionComparison> rounds_;
  const absl::Duration step_timeout_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  FollowState state_ ABSL_GUARDED_BY(mutex_);
  // The last, as it runs on the others.
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MOVING_FOLLOWER_H_
