#ifndef AUTHSTATE_STORAGE_ALARM_H_
#define AUTHSTATE_STORAGE_ALARM_H_

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::storage {

// Wakes the one thread that sees to the ends of calls. Nearly every call is done long before its end, so the thread is
// not woken for an end that is no nearer than what it sleeps for, and sleeps on when a call is done: it then wakes once
// for many calls, where a thread that slept for the nearest end would be woken with every lone one.
//
// Used under the mutex of its owner, which guards it.
class Alarm {
 public:
  // Sleeps with the mutex given up, until `time` at the latest. One thread alone.
  void SleepUntil(absl::Mutex* mutex, absl::Time time) {
    wakes_at_ = time;
    woken_.WaitWithDeadline(mutex, time);
    wakes_at_ = absl::InfinitePast();
  }

  // Wakes the thread if it would sleep beyond `time`, and tells whether. One that is awake looks before it sleeps.
  bool WakeBy(absl::Time time) {
    if (time >= wakes_at_) return false;
    wakes_at_ = absl::InfinitePast();
    woken_.Signal();
    return true;
  }

 private:
  absl::CondVar woken_;
  absl::Time wakes_at_ = absl::InfinitePast();
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_ALARM_H_
