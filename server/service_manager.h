#ifndef AUTHSTATE_SERVER_SERVICE_MANAGER_H_
#define AUTHSTATE_SERVER_SERVICE_MANAGER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// What a service manager hands to a process that it has started, in its environment, as sd_notify(3) describes it.
struct ServiceManagerOptions {
  // A unix datagram socket: an absolute path, or `@` and an abstract name. Empty: there is no manager to tell.
  std::string socket;
  // Without a sign of life for so long, the manager takes the process for stuck and ends it. Zero: it does not.
  absl::Duration watchdog;
};

// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; `environment` holds `NAME=value`. A watchdog of another process
// than this one, or a time that is no whole number above 0, counts as none.
ServiceManagerOptions ReadServiceManager(const std::vector<std::string>& environment);

// Tells the service manager, systemd with Type=notify, when the server serves, when it stops, and that it is alive.
// What cannot be delivered is told nowhere else: the manager misses it, and acts. Thread-safe.
class ServiceManager {
 public:
  // The timer outlives it.
  ServiceManager(ServiceManagerOptions options, storage::DeadlineTimer& timer);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // It serves; `status` is one line for people.
  void Ready(absl::string_view status) const;
  // It drains and ends; no sign of life is expected any more.
  void Stopping() const;

  // Has the timer's thread, without which no call ends on time, give a sign of life: it comes only if that thread
  // turns, and so does the caller's. Does nothing where there is no watchdog.
  void ShowLife();
  // How often to call ShowLife, twice within the manager's patience; InfiniteDuration without a watchdog.
  absl::Duration interval() const;

 private:
  // `flags` of send(2).
  void Send(absl::string_view message, int flags) const;

  const ServiceManagerOptions options_;
  // -1: there is nobody to tell.
  const int descriptor_;
  // None: there is no watchdog.
  std::optional<storage::DeadlineTimer::Deadline> sign_of_life_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICE_MANAGER_H_
