#ifndef AUTHSTATE_SERVER_HTTP_HTTP_CONNECTIONS_H_
#define AUTHSTATE_SERVER_HTTP_HTTP_CONNECTIONS_H_

#include <cstddef>
#include <list>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

struct HttpLimits {
  // Open at once. One more takes the place of the one that has been open for the longest.
  std::size_t connections = 64;
  // The most of one network (PeerNetwork). One more takes the place of its oldest, so that nobody who opens many cuts
  // off others. Clients of a unix socket have no such bound.
  std::size_t connections_of_network = 16;
  // From the moment that a connection was accepted until it has its answer; then it is cut off.
  absl::Duration patience = absl::Seconds(10);
};

// Cuts off connections that are open for too long, and the oldest where there are too many: libmicrohttpd itself bounds
// how long a client is silent, but not how long it is slow, and accepts nobody while as many as may be are open.
// Thread-safe.
class HttpConnections {
 public:
  // `timer` outlives it.
  HttpConnections(storage::DeadlineTimer& timer, const HttpLimits& limits);

  std::size_t most() const { return limits_.connections; }

  // A connection with this socket was opened, by a client of `network`; it is not closed before Remove has returned.
  void Add(int socket, const std::string& network);
  void Remove(int socket);

 private:
  struct Open {
    int socket;
    std::string network;
    absl::Time end;
  };
  using Place = std::list<Open>::iterator;

  void Cut(Place place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(Place place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CutLate();

  const HttpLimits limits_;
  absl::Mutex mutex_;
  // The oldest stands first. Those that were cut off are not among them.
  std::list<Open> open_ ABSL_GUARDED_BY(mutex_);
  // How many of them each network has.
  absl::flat_hash_map<std::string, std::size_t> of_network_ ABSL_GUARDED_BY(mutex_);
  // Set to the end of the first, or earlier. Destroyed first, as its callback uses the others.
  storage::DeadlineTimer::Deadline first_end_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_HTTP_CONNECTIONS_H_
