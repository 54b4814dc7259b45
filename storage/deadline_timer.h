#ifndef AUTHSTATE_STORAGE_DEADLINE_TIMER_H_
#define AUTHSTATE_STORAGE_DEADLINE_TIMER_H_

#include <functional>
#include <map>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/alarm.h"

namespace authstate::storage {

// One thread that calls back when a deadline has passed, the earliest first, for all who share it. A callback that
// blocks would hold up the deadlines of everybody else, so none does.
//
// Thread-safe. Outlives its deadlines.
class DeadlineTimer {
 public:
  // Throws std::system_error when the process may have no more threads.
  DeadlineTimer();
  ~DeadlineTimer();
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

  class Deadline;

 private:
  using Deadlines = std::multimap<absl::Time, Deadline*>;

  void Run();

  absl::Mutex mutex_;
  Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  // The deadlines that are set.
  Deadlines deadlines_ ABSL_GUARDED_BY(mutex_);
  // The one whose callback is under way.
  const Deadline* called_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// A deadline that can be set and set anew. Who has many of them keeps them in an order of his own, under a mutex of his
// own, and has this one set to the first of them.
class DeadlineTimer::Deadline {
 public:
  // None is set at first. `passed` is called on the timer's thread, with no lock held, once for each that passes; it
  // may set the next one.
  Deadline(DeadlineTimer& timer, std::function<void()> passed);
  // Waits until the callback has returned, if it is under way; it does not begin any more. So a deadline is not
  // destroyed by its own callback, nor under a mutex that this takes.
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // In place of the one that is set. Never: absl::InfiniteFuture().
  void Set(absl::Time time);
  // Unless one is set that is no later.
  void SetIfEarlier(absl::Time time);

 private:
  friend class DeadlineTimer;

  void Put(absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(timer_.mutex_);
  void Clear() ABSL_EXCLUSIVE_LOCKS_REQUIRED(timer_.mutex_);
  bool NotCalled() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(timer_.mutex_) { return timer_.called_ != this; }

  DeadlineTimer& timer_;
  const std::function<void()> passed_;
  std::optional<Deadlines::iterator> place_ ABSL_GUARDED_BY(timer_.mutex_);
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DEADLINE_TIMER_H_
