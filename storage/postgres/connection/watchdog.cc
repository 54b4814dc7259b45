#include "storage/postgres/connection/watchdog.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace authstate::storage {

Watchdog::Socket::Socket(int descriptor) : descriptor_(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "the socket of the database");
}

Watchdog::Socket::~Socket() { close(descriptor_); }

Watchdog::Watchdog(DeadlineTimer& timer, const Socket& socket, absl::Time deadline)
    : socket_(socket), deadline_(timer, [this] { Fire(); }) {
  deadline_.Set(deadline);
}

void Watchdog::Fire() {
  fired_ = true;
  shutdown(socket_.descriptor_, SHUT_RDWR);
}

}  // namespace authstate::storage
