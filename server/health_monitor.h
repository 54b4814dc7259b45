#ifndef AUTHSTATE_SERVER_HEALTH_MONITOR_H_
#define AUTHSTATE_SERVER_HEALTH_MONITOR_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/backend.h"

namespace authstate::server {

// Turns single signs of life into a state that does not flap: it takes several failures in a row to fall, and several
// successes in a row to rise again. Not thread-safe.
class Hysteresis {
 public:
  // Counts of consecutive observations, at least 1.
  Hysteresis(bool serving, int failures_to_fall, int successes_to_rise)
      : serving_(serving), failures_to_fall_(failures_to_fall), successes_to_rise_(successes_to_rise) {}

  bool serving() const { return serving_; }

  // Returns whether the state changed. A failure that is `certain` needs no other to fall.
  bool Observe(bool alive, bool certain = false);

 private:
  bool serving_;
  const int failures_to_fall_;
  const int successes_to_rise_;
  int against_ = 0;
};

// Asks the backend for a sign of life at every interval, and reports each change of state. Serves from the start:
// whoever makes a monitor has just opened the backend.
class HealthMonitor {
 public:
  // OK: it serves again; else why it does not.
  using OnChange = std::function<void(const absl::Status& state)>;

  // `backend` is borrowed; `on_change` is called from the monitor's thread.
  HealthMonitor(storage::Backend* backend, absl::Duration interval, OnChange on_change);
  // Stops; waits for the sign of life under way.
  ~HealthMonitor();
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

  // Begins no other sign of life. Does not wait.
  void Stop();

 private:
  void Run();

  storage::Backend* const backend_;
  const absl::Duration interval_;
  const OnChange on_change_;
  Hysteresis state_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HEALTH_MONITOR_H_
