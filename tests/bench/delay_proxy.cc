// delay_proxy PORT MICROSECONDS: passes TCP connections on to PORT of 127.0.0.1, and adds MICROSECONDS to each round
// trip: half to what goes there, half to what comes back. Prints `ready PORT` with its own port, and serves until it is
// killed.
//
// Each direction of a connection has a thread that reads and one that writes. Bytes keep their order and their distance
// in time, so that the delay costs latency and no bandwidth.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace authstate::bench {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
// What one direction holds back at most; then it is read no further.
constexpr std::size_t kMaxHeldBytes = std::size_t{16} << 20;
constexpr int kBacklog = 64;
constexpr int kUsageError = 2;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

// One direction of a connection. Thread-safe.
class DelayLine {
 public:
  explicit DelayLine(absl::Duration delay) : delay_(delay) {}

  // Waits while too much is held.
  void Put(std::string bytes) {
    const absl::Time due = absl::Now() + delay_;
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &DelayLine::HasRoom));
    held_bytes_ += bytes.size();
    chunks_.push_back({due, std::move(bytes)});
  }

  // Nothing is put any more.
  void End() {
    const absl::MutexLock lock(&mutex_);
    ended_ = true;
  }

  // The next bytes, when they are due. Empty at the end.
  std::string Take() {
    Chunk chunk;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &DelayLine::HasChunkOrEnd));
      if (chunks_.empty()) return {};
      chunk = std::move(chunks_.front());
      chunks_.pop_front();
      held_bytes_ -= chunk.bytes.size();
    }
    absl::SleepFor(chunk.due - absl::Now());
    return std::move(chunk.bytes);
  }

 private:
  struct Chunk {
    absl::Time due;
    std::string bytes;
  };

  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return held_bytes_ < kMaxHeldBytes; }
  bool HasChunkOrEnd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ended_ || !chunks_.empty(); }

  const absl::Duration delay_;
  absl::Mutex mutex_;
  std::deque<Chunk> chunks_ ABSL_GUARDED_BY(mutex_);
  std::size_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

bool SendAll(int descriptor, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(descriptor, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

void Forward(const Socket& from, const Socket& to, absl::Duration delay) {
  DelayLine line(delay);
  std::thread writer([&line, &to, &from] {
    bool usable = true;
    for (std::string bytes = line.Take(); !bytes.empty(); bytes = line.Take()) {
      if (usable && !SendAll(to.descriptor(), bytes)) {
        usable = false;
        // Nobody takes any more of it: the reader need not wait for more either.
        shutdown(from.descriptor(), SHUT_RD);
      }
    }
    shutdown(to.descriptor(), SHUT_WR);
  });
  std::array<char, kReadBytes> buffer;
  for (;;) {
    const ssize_t count = recv(from.descriptor(), buffer.data(), buffer.size(), 0);
    if (count <= 0) break;
    line.Put(std::string(buffer.data(), static_cast<std::size_t>(count)));
  }
  line.End();
  writer.join();
}

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void DisableNagle(int descriptor) {
  const int enabled = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof(enabled));
}

void Serve(int accepted, std::uint16_t target_port, absl::Duration delay) {
  const Socket client(accepted);
  const Socket server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in target = Loopback(target_port);
  if (connect(server.descriptor(), reinterpret_cast<const sockaddr*>(&target), sizeof(target)) != 0) return;
  DisableNagle(client.descriptor());
  DisableNagle(server.descriptor());
  std::thread back([&client, &server, delay] { Forward(server, client, delay); });
  Forward(client, server, delay);
  back.join();
}

// Returns the exit code; only when it cannot serve.
int Run(std::uint16_t target_port, absl::Duration round_trip) {
  const Socket listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.descriptor(), generic, length) != 0 || listen(listener.descriptor(), kBacklog) != 0 ||
      getsockname(listener.descriptor(), generic, &length) != 0) {
    std::perror("delay_proxy");
    return 1;
  }
  std::printf("ready %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    const int accepted = accept4(listener.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) {
      std::perror("delay_proxy");
      return 1;
    }
    std::thread(Serve, accepted, target_port, round_trip / 2).detach();
  }
}

}  // namespace
}  // namespace authstate::bench

int main(int argc, char** argv) {
  std::uint32_t port = 0;
  std::uint32_t microseconds = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[1], &port) || port > UINT16_MAX ||
      !absl::SimpleAtoi(argv[2], &microseconds)) {
    std::fprintf(stderr, "usage: delay_proxy PORT MICROSECONDS\n");
    return authstate::bench::kUsageError;
  }
  return authstate::bench::Run(static_cast<std::uint16_t>(port), absl::Microseconds(microseconds));
}
