#ifndef AUTHSTATE_TESTS_UNIT_SERVER_FAKE_SERVICE_MANAGER_H_
#define AUTHSTATE_TESTS_UNIT_SERVER_FAKE_SERVICE_MANAGER_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

namespace authstate::test {

// Takes what a process tells the service manager that NOTIFY_SOCKET names.
class FakeServiceManager {
 public:
  // An absolute path, or `@` and an abstract name.
  explicit FakeServiceManager(const std::string& socket_name) : descriptor_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_name.data(), socket_name.size());
    if (address.sun_path[0] == '@') address.sun_path[0] = 0;
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_name.size());
    const timeval patience{30, 0};
    EXPECT_EQ(setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), size), 0) << std::strerror(errno);
  }
  ~FakeServiceManager() { close(descriptor_); }
  FakeServiceManager(const FakeServiceManager&) = delete;
  FakeServiceManager& operator=(const FakeServiceManager&) = delete;

  // The next message; waits for it, for half a minute at most.
  std::string Next() const {
    std::array<char, 512> message{};
    const ssize_t size = recv(descriptor_, message.data(), message.size(), 0);
    EXPECT_GE(size, 0) << std::strerror(errno);
    return size < 0 ? "" : std::string(message.data(), static_cast<std::size_t>(size));
  }
  bool HasMessage() const {
    pollfd waiting{descriptor_, POLLIN, 0};
    return poll(&waiting, 1, 0) > 0;
  }

 private:
  const int descriptor_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_UNIT_SERVER_FAKE_SERVICE_MANAGER_H_
