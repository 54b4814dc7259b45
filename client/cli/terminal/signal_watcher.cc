#include "client/cli/terminal/signal_watcher.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace authstate::cli {
namespace {

constexpr int kForever = -1;

bool IsIgnored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

SignalWatcher::SignalWatcher() {
  sigemptyset(&watched_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (!IsIgnored(signal)) sigaddset(&watched_, signal);
  }
  pthread_sigmask(SIG_BLOCK, &watched_, &before_);
  signal_fd_ = signalfd(-1, &watched_, SFD_CLOEXEC);
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
}

void SignalWatcher::Start(std::function<void()> on_signal) {
  on_signal_ = std::move(on_signal);
  thread_ = std::thread([this] { Watch(); });
}

SignalWatcher::~SignalWatcher() {
  eventfd_write(stop_fd_, 1);
  if (thread_.joinable()) thread_.join();
  close(stop_fd_);
  close(signal_fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

absl::Status SignalWatcher::Check() const {
  const absl::MutexLock lock(&mutex_);
  return signalled_ ? absl::CancelledError("interrupted") : absl::OkStatus();
}

absl::Status SignalWatcher::Sleep(absl::Duration duration) const {
  {
    const absl::MutexLock lock(&mutex_);
    (void)mutex_.AwaitWithTimeout(absl::Condition(&signalled_), duration);
  }
  return Check();
}

void SignalWatcher::Watch() {
  std::array<pollfd, 2> events{{{stop_fd_, POLLIN, 0}, {signal_fd_, POLLIN, 0}}};
  while (poll(events.data(), events.size(), kForever) < 0) {
  }
  if (events[0].revents != 0) return;
  signalfd_siginfo received{};
  [[maybe_unused]] const ssize_t taken = read(signal_fd_, &received, sizeof(received));
  {
    const absl::MutexLock lock(&mutex_);
    signalled_ = true;
  }
  // A second signal finds this thread, and does what it does by default.
  pthread_sigmask(SIG_UNBLOCK, &watched_, nullptr);
  on_signal_();
  events[0].revents = 0;
  while (poll(events.data(), 1, kForever) < 0) {
  }
}

}  // namespace authstate::cli
