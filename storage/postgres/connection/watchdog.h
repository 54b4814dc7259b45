#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_WATCHDOG_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_WATCHDOG_H_

#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/alarm.h"

namespace authstate::storage {

// Ends database calls that overrun: it shuts their socket down, and libpq, which waits on it without a limit of its
// own, returns with an error. TCP's timers do not do that where a pooler keeps the connection up and never answers.
//
// Thread-safe. Its guards end before it does.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

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

  // One call on a socket, which outlives the guard.
  class Guard {
   public:
    Guard(Watchdog& watchdog, const Socket& socket, absl::Time deadline);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    // Whether the socket was shut down.
    bool fired() const;

   private:
    friend class Watchdog;

    Watchdog& watchdog_;
    const Socket& socket_;
    bool fired_ ABSL_GUARDED_BY(watchdog_.mutex_) = false;
    std::multimap<absl::Time, Guard*>::iterator place_ ABSL_GUARDED_BY(watchdog_.mutex_);
  };

 private:
  void Run();

  absl::Mutex mutex_;
  Alarm alarm_ ABSL_GUARDED_BY(mutex_);
  std::multimap<absl::Time, Guard*> guards_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_WATCHDOG_H_
