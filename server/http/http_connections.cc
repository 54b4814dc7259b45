#include "server/http/http_connections.h"

#include <sys/socket.h>

#include "absl/time/clock.h"

namespace authstate::server {

HttpConnections::HttpConnections(storage::DeadlineTimer& timer, std::size_t most, absl::Duration patience)
    : most_(most), patience_(patience), first_end_(timer, [this] { CutLate(); }) {}

void HttpConnections::Add(int socket) {
  const absl::Time end = absl::Now() + patience_;
  const absl::MutexLock lock(&mutex_);
  if (open_.size() >= most_) CutOldest();
  open_.push_back({socket, end});
  first_end_.SetIfEarlier(end);
}

void HttpConnections::Remove(int socket) {
  const absl::MutexLock lock(&mutex_);
  open_.remove_if([socket](const Open& open) { return open.socket == socket; });
}

// Whoever serves it finds it ended, and closes it.
void HttpConnections::CutOldest() {
  shutdown(open_.front().socket, SHUT_RDWR);
  open_.pop_front();
}

void HttpConnections::CutLate() {
  const absl::MutexLock lock(&mutex_);
  while (!open_.empty() && open_.front().end <= absl::Now()) CutOldest();
  if (!open_.empty()) first_end_.SetIfEarlier(open_.front().end);
}

}  // namespace authstate::server
