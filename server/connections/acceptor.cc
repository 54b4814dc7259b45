#include "server/connections/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/log/logging.h"

namespace authstate::server {
namespace {

constexpr int kLinesPerSecond = 5;
// Between two attempts while descriptors or memory are short: what frees them is the end of other connections.
constexpr int kRetryMs = 20;
// At once, so that those who left are seen beside a crowd that comes.
constexpr int kMostAccepted = 64;
// Accepted and not yet handed over; the others wait in the kernel.
constexpr int kMostWaiting = 16;
constexpr int kHandOverMs = 1;
constexpr absl::Duration kLongestPatience = absl::Seconds(1);
constexpr std::size_t kMostEvents = 1'024;

}  // namespace

Acceptor::Acceptor(ListeningSockets sockets, std::size_t max_connections, Framing framing, Serve serve)
    : sockets_(std::move(sockets)),
      max_connections_(max_connections),
      serve_(std::move(serve)),
      poller_(epoll_create1(EPOLL_CLOEXEC)),
      waker_(eventfd(0, EFD_CLOEXEC)),
      watch_(framing),
      refusal_lines_(kLinesPerSecond),
      failure_lines_(kLinesPerSecond),
      accepted_(kMostWaiting) {
  Watch(waker_, EPOLLIN);
  for (const int listener : sockets_->descriptors()) Watch(listener, EPOLLIN);
  hand_over_thread_ = std::thread([this] { HandOver(); });
  thread_ = std::thread([this] { Run(); });
}

Acceptor::~Acceptor() {
  if (sockets_.has_value()) Shutdown(absl::InfinitePast());
  close(poller_);
  close(waker_);
  watch_.ForEach([](int watched) { close(watched); });
}

void Acceptor::Shutdown(absl::Time deadline) {
  const std::uint64_t one = 1;
  while (write(waker_, &one, sizeof(one)) < 0 && errno == EINTR) continue;
  thread_.join();
  accepted_.Close();
  epoll_ctl(poller_, EPOLL_CTL_DEL, waker_, nullptr);
  sockets_.reset();
  std::array<epoll_event, kMostEvents> events{};
  while (watch_.size() > 0) {
    const std::int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left_ms <= 0) break;
    const int ready = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), static_cast<int>(left_ms));
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events.at(static_cast<std::size_t>(i));
      if ((event.events & EPOLLHUP) != 0) Forget(event.data.fd);
    }
  }
  // This ends the connection itself, of which gRPC has a descriptor of its own.
  watch_.ForEach([](int watched) { shutdown(watched, SHUT_RDWR); });
  hand_over_thread_.join();
}

void Acceptor::Run() {
  std::array<epoll_event, kMostEvents> events{};
  absl::Time next_look = absl::Now();
  while (true) {
    // If the clock was set back, the next look must not move away with it.
    const absl::Duration patience = std::clamp(next_look - absl::Now(), absl::ZeroDuration(), kLongestPatience);
    const int patience_ms = watch_.size() == 0 ? -1 : static_cast<int>(absl::ToInt64Milliseconds(patience)) + 1;
    const int ready = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), patience_ms);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events.at(static_cast<std::size_t>(i)).data.fd;
      if (descriptor == waker_) return;
      if (IsListener(descriptor)) {
        Accept(descriptor);
      } else if ((events.at(static_cast<std::size_t>(i)).events & EPOLLHUP) != 0) {
        Forget(descriptor);
      }
    }
    if (const absl::Time now = absl::Now(); now >= next_look || next_look - now > kLongestPatience) {
      next_look = now + watch_.Look(now);
    }
  }
}

void Acceptor::HandOver() {
  while (true) {
    const std::vector<int> descriptors = accepted_.PopBatch(kMostAccepted);
    if (descriptors.empty()) return;
    for (const int descriptor : descriptors) {
      serve_(descriptor);
      --waiting_;
    }
  }
}

void Acceptor::Accept(int listener) {
  for (int i = 0; i < kMostAccepted; ++i) {
    if (waiting_ >= kMostWaiting) return Pause(kHandOverMs);
    const int descriptor = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      Admit(descriptor);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      ReportFailure(errno);
      return Pause(kRetryMs);
    }
    // Anything else was the fault of the connection, and is gone with it.
  }
}

void Acceptor::Pause(int ms) const {
  pollfd stop{waker_, POLLIN, 0};
  poll(&stop, 1, ms);
}

void Acceptor::Admit(int descriptor) {
  if (watch_.size() >= max_connections_) return Refuse(descriptor);
  const int watched = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (watched < 0) {
    ReportFailure(errno);
    close(descriptor);
    return;
  }
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  watch_.Add(watched, absl::Now());
  ++waiting_;
  (void)accepted_.TryPush(descriptor);
  // Last, as the end of a connection is told only once: of one that ended before, right here.
  Watch(watched, EPOLLET);
}

void Acceptor::Forget(int watched) {
  // Closing would not do it, as the connection has another descriptor.
  epoll_ctl(poller_, EPOLL_CTL_DEL, watched, nullptr);
  watch_.Forget(watched);
  close(watched);
}

void Acceptor::ReportFailure(int error) {
  const auto unlogged = failure_lines_.Take(absl::Now());
  if (!unlogged.has_value()) return;
  Log(LogLevel::kError, "cannot accept connections; trying again",
      {{"error", std::strerror(error)},
       {"connections", absl::StrCat(watch_.size())},
       {"more_unlogged", absl::StrCat(*unlogged)}});
}

void Acceptor::Refuse(int descriptor) {
  close(descriptor);
  const auto unlogged = refusal_lines_.Take(absl::Now());
  if (!unlogged.has_value()) return;
  Log(LogLevel::kWarn, "connection refused: there are as many as there may be",
      {{"connections", absl::StrCat(watch_.size())}, {"more_unlogged", absl::StrCat(*unlogged)}});
}

bool Acceptor::IsListener(int descriptor) const {
  const std::vector<int>& listeners = sockets_->descriptors();
  return std::find(listeners.begin(), listeners.end(), descriptor) != listeners.end();
}

void Acceptor::Watch(int descriptor, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  epoll_ctl(poller_, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace authstate::server
