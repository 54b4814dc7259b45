#ifndef AUTHSTATE_STORAGE_POSTGRES_WATCHDOG_H_
#define AUTHSTATE_STORAGE_POSTGRES_WATCHDOG_H_

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

  // One call. The socket stays open for as long as the guard lives; it is not owned.
  class Guard {
   public:
    Guard(Watchdog& watchdog, int socket, absl::Time deadline);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    // Whether the socket was shut down.
    bool fired() const;

   private:
    friend class Watchdog;

    Watchdog& watchdog_;
    const int socket_;
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

#endif  // AUTHSTATE_STORAGE_POSTGRES_WATCHDOG_H_
