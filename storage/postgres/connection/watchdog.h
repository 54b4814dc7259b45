#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_WATCHDOG_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_WATCHDOG_H_

#include <atomic>

#include "absl/time/time.h"
#include "storage/deadline_timer.h"

namespace authstate::storage {

// Ends one database call if it overruns: it shuts the call's socket down, and libpq, which waits on it without a limit
// of its own, returns with an error. TCP's timers do not do that where a pooler keeps the connection up and never
// answers.
class Watchdog {
 public:
  // A second descriptor of a socket. libpq may close its own within the call that fails, and the number then is the
  // next file's; this one stays that of the socket. The peer sees it closed once both are.
  class Socket {
   public:
    // Throws std::system_error when the process may have no more descriptors.
    explicit Socket(int descriptor);
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

   private:
    friend class Watchdog;

    const int descriptor_;
  };

  // Watches until it is destroyed. `timer` and `socket` outlive it.
  Watchdog(DeadlineTimer& timer, const Socket& socket, absl::Time deadline);

  // Whether the socket was, or is being, shut down.
  bool fired() const { return fired_; }

 private:
  void Fire();

  const Socket& socket_;
  std::atomic<bool> fired_ = false;
  // Destroyed first: until then the socket is there.
  DeadlineTimer::Deadline deadline_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_WATCHDOG_H_
