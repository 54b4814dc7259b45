#include "tests/support/proxy/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

namespace authstate::test {
namespace {

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void SendAtOnce(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int TimeoutMilliseconds(absl::Time until) {
  if (until == absl::InfiniteFuture()) return -1;
  const auto milliseconds = absl::ToInt64Milliseconds(absl::Ceil(until - absl::Now(), absl::Milliseconds(1)));
  constexpr std::int64_t kLongest = 60'000;
  return static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, kLongest));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpProxy>> TcpProxy::Create(std::uint16_t server_port, Protocol protocol) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return absl::ErrnoToStatus(errno, "socket");
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, SOMAXCONN) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    absl::Status failed = absl::ErrnoToStatus(errno, "listen");
    close(listener);
    return failed;
  }
  const int waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (waker < 0) {
    absl::Status failed = absl::ErrnoToStatus(errno, "eventfd");
    close(listener);
    return failed;
  }
  return std::unique_ptr<TcpProxy>(new TcpProxy(listener, waker, ntohs(address.sin_port), server_port, protocol));
}

TcpProxy::TcpProxy(int listener, int waker, std::uint16_t port, std::uint16_t server_port, Protocol protocol)
    : listener_(listener), waker_(waker), port_(port), server_port_(server_port), protocol_(protocol), thread_([this] {
        Run();
      }) {}

TcpProxy::~TcpProxy() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  close(listener_);
  close(waker_);
}

void TcpProxy::Wake() const {
  const std::uint64_t one = 1;
  // It fails only when a waking is pending already.
  [[maybe_unused]] const ssize_t written = write(waker_, &one, sizeof one);
}

void TcpProxy::Run() {
  while (true) {
    std::vector<pollfd> watched = {{listener_, POLLIN, 0}, {waker_, POLLIN, 0}};
    absl::Time until = absl::InfiniteFuture();
    {
      const absl::MutexLock lock(&mutex_);
      if (stopping_) {
        connections_.clear();
        return;
      }
      for (const ProxiedConnection& connection : connections_) {
        const auto wanted = connection.Wanted(link_);
        watched.insert(watched.end(), wanted.begin(), wanted.end());
        until = std::min(until, connection.NextDue(link_));
      }
    }
    poll(watched.data(), watched.size(), TimeoutMilliseconds(until));
    std::uint64_t wakings = 0;
    [[maybe_unused]] const ssize_t drained = read(waker_, &wakings, sizeof wakings);
    const absl::MutexLock lock(&mutex_);
    Work();
  }
}

void TcpProxy::Work() {
  Accept();
  const absl::Time now = absl::Now();
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    connection = connection->Work(link_, now) ? std::next(connection) : connections_.erase(connection);
  }
}

void TcpProxy::Accept() {
  while (true) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(server_port_);
    // Over loopback this succeeds or fails at once.
    if (server < 0 || connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (server >= 0) close(server);
      close(client);
      continue;
    }
    SendAtOnce(client);
    SendAtOnce(server);
    connections_.emplace_back(client, server, protocol_);
  }
}

void TcpProxy::Hold(Direction direction) {
  const absl::MutexLock lock(&mutex_);
  link_.held[static_cast<std::size_t>(direction)] = true;
}

void TcpProxy::Resume() {
  {
    const absl::MutexLock lock(&mutex_);
    link_.held = {false, false};
    link_.delay = absl::ZeroDuration();
    link_.bytes_per_second = 0;
    for (ProxiedConnection& connection : connections_) connection.EndSilence();
  }
  Wake();
}

void TcpProxy::SetDelay(absl::Duration delay) {
  const absl::MutexLock lock(&mutex_);
  link_.delay = delay;
}

void TcpProxy::SetRate(std::size_t bytes_per_second) {
  const absl::MutexLock lock(&mutex_);
  link_.bytes_per_second = bytes_per_second;
}

void TcpProxy::ResetAll() {
  {
    const absl::MutexLock lock(&mutex_);
    connections_.clear();
  }
  Wake();
}

void TcpProxy::AbandonClients() {
  {
    const absl::MutexLock lock(&mutex_);
    for (ProxiedConnection& connection : connections_) connection.AbandonClient();
  }
  Wake();
}

void TcpProxy::ResetAfterBytes(Direction direction, std::size_t bytes) {
  const absl::MutexLock lock(&mutex_);
  link_.reset_after = bytes;
  link_.reset_direction = direction;
  link_.fired = false;
}

void TcpProxy::Arm(StatementFault fault) {
  const absl::MutexLock lock(&mutex_);
  link_.armed = std::move(fault);
  link_.fired = false;
}

absl::Status TcpProxy::AwaitFired(absl::Duration timeout) {
  const absl::MutexLock lock(&mutex_);
  if (mutex_.AwaitWithTimeout(absl::Condition(&link_.fired), timeout)) return absl::OkStatus();
  return absl::DeadlineExceededError("no statement met the fault that was prepared for it");
}

}  // namespace authstate::test
