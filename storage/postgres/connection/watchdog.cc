#include "storage/postgres/connection/watchdog.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/time/clock.h"

namespace authstate::storage {

Watchdog::Watchdog() : thread_([this] { Run(); }) {}

Watchdog::~Watchdog() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    alarm_.WakeBy(absl::InfinitePast());
  }
  thread_.join();
}

void Watchdog::Run() {
  const absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Time now = absl::Now();
    while (!guards_.empty() && guards_.begin()->first <= now) {
      Guard* const guard = guards_.begin()->second;
      guards_.erase(guards_.begin());
      guard->watchdog_.mutex_.AssertHeld();  // It is this one, which the analysis of locks cannot know.
      guard->fired_ = true;
      // Under the mutex: the guard's end waits for it, so the socket is still there.
      shutdown(guard->socket_.descriptor_, SHUT_RDWR);
    }
    alarm_.SleepUntil(&mutex_, guards_.empty() ? absl::InfiniteFuture() : guards_.begin()->first);
  }
}

Watchdog::Socket::Socket(int descriptor) : descriptor_(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "the socket of the database");
}

Watchdog::Socket::~Socket() { close(descriptor_); }

Watchdog::Guard::Guard(Watchdog& watchdog, const Socket& socket, absl::Time deadline)
    : watchdog_(watchdog), socket_(socket) {
  const absl::MutexLock lock(&watchdog_.mutex_);
  place_ = watchdog_.guards_.emplace(deadline, this);
  watchdog_.alarm_.WakeBy(deadline);
}

Watchdog::Guard::~Guard() {
  const absl::MutexLock lock(&watchdog_.mutex_);
  if (!fired_) watchdog_.guards_.erase(place_);
}

bool Watchdog::Guard::fired() const {
  const absl::MutexLock lock(&watchdog_.mutex_);
  return fired_;
}

}  // namespace authstate::storage
