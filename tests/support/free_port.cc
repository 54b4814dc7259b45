#include "tests/support/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"

namespace authstate::test {

absl::StatusOr<std::uint16_t> FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  absl::Status status;
  if (bind(fd, generic, size) != 0 || getsockname(fd, generic, &size) != 0) {
    status = absl::ErrnoToStatus(errno, "bind to port 0");
  }
  close(fd);
  if (!status.ok()) return status;
  return ntohs(address.sin_port);
}

}  // namespace authstate::test
