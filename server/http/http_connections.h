#ifndef AUTHSTATE_SERVER_HTTP_HTTP_CONNECTIONS_H_
#define AUTHSTATE_SERVER_HTTP_HTTP_CONNECTIONS_H_

#include <cstddef>
#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// Cuts off connections that are open for too long, and the oldest where there are too many: libmicrohttpd itself bounds
// how long a client is silent, but not how long it is slow, and accepts nobody while as many as may be are open.
// Thread-safe.
class HttpConnections {
 public:
  // At most `most` are open, each for no longer than `patience`. `timer` outlives it.
  HttpConnections(storage::DeadlineTimer& timer, std::size_t most, absl::Duration patience);

  std::size_t most() const { return most_; }

  // A connection with this socket was opened, which is not closed before Remove has returned.
  void Add(int socket);
  void Remove(int socket);

 private:
  struct Open {
    int socket;
    absl::Time end;
  };

  // Cuts off the one that has been open for the longest.
  void CutOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CutLate();

  const std::size_t most_;
  const absl::Duration patience_;
  absl::Mutex mutex_;
  // The oldest stands first. Those that were cut off are not among them.
  std::list<Open> open_ ABSL_GUARDED_BY(mutex_);
  // Set to the end of the first, or earlier. Destroyed first, as its callback uses the others.
  storage::DeadlineTimer::Deadline first_end_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_HTTP_CONNECTIONS_H_
