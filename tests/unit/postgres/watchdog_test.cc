#include "storage/postgres/connection/watchdog.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "absl/time/clock.h"

namespace authstate::storage {
namespace {

// A socket and its peer.
class SocketPair {
 public:
  SocketPair() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) != 0) ADD_FAILURE() << "no socket";
  }
  ~SocketPair() {
    CloseOurs();
    close(ends_[1]);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;

  int ours() const { return ends_[0]; }
  void CloseOurs() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }
  // Waits until the peer sees the end of the stream, or something to read.
  void AwaitPeer() const {
    pollfd peer = {ends_[1], POLLIN, 0};
    EXPECT_EQ(poll(&peer, 1, /*timeout=*/60'000), 1);
  }
  bool Carries() const {
    char byte = 'x';
    return send(ends_[0], &byte, 1, MSG_NOSIGNAL) == 1 && recv(ends_[1], &byte, 1, MSG_DONTWAIT) == 1;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
};

TEST(WatchdogTest, OverdueCallHasItsSocketShut) {
  DeadlineTimer timer;
  const SocketPair pair;
  const Watchdog::Socket socket(pair.ours());
  const Watchdog watchdog(timer, socket, absl::Now());
  pair.AwaitPeer();
  EXPECT_TRUE(watchdog.fired());
}

// As libpq does within the call that fails.
TEST(WatchdogTest, SocketThatTookTheNumberIsLeftAlone) {
  DeadlineTimer timer;
  SocketPair pair;
  const Watchdog::Socket socket(pair.ours());
  const int number = pair.ours();
  pair.CloseOurs();
  const SocketPair stranger;
  ASSERT_EQ(stranger.ours(), number);
  {
    const Watchdog watchdog(timer, socket, absl::Now());
    pair.AwaitPeer();
    EXPECT_TRUE(watchdog.fired());
  }
  EXPECT_TRUE(stranger.Carries());
}

}  // namespace
}  // namespace authstate::storage
