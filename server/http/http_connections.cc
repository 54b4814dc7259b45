#include "server/http/http_connections.h"

#include <sys/socket.h>

#include <algorithm>

#include "absl/time/clock.h"

namespace authstate::server {

HttpConnections::HttpConnections(storage::DeadlineTimer& timer, const HttpLimits& limits)
    : limits_(limits), first_end_(timer, [this] { CutLate(); }) {}

void HttpConnections::Add(int socket, const std::string& network) {
  const absl::Time end = absl::Now() + limits_.patience;
  const absl::MutexLock lock(&mutex_);
  if (!network.empty() && of_network_[network] >= limits_.connections_of_network) {
    Cut(std::find_if(open_.begin(), open_.end(), [&](const Open& open) { return open.network == network; }));
  }
  if (open_.size() >= limits_.connections) Cut(open_.begin());
  open_.push_back({socket, network, end});
  ++of_network_[network];
  first_end_.SetIfEarlier(end);
}

void HttpConnections::Remove(int socket) {
  const absl::MutexLock lock(&mutex_);
  const auto place = std::find_if(open_.begin(), open_.end(), [&](const Open& open) { return open.socket == socket; });
  if (place != open_.end()) Forget(place);
}

// Whoever serves it finds it ended, and closes it.
void HttpConnections::Cut(Place place) {
  shutdown(place->socket, SHUT_RDWR);
  Forget(place);
}

void HttpConnections::Forget(Place place) {
  const auto of_network = of_network_.find(place->network);
  if (--of_network->second == 0) of_network_.erase(of_network);
  open_.erase(place);
}

void HttpConnections::CutLate() {
  const absl::MutexLock lock(&mutex_);
  while (!open_.empty() && open_.front().end <= absl::Now()) Cut(open_.begin());
  if (!open_.empty()) first_end_.SetIfEarlier(open_.front().end);
}

}  // namespace authstate::server
