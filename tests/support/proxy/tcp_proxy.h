#ifndef AUTHSTATE_TESTS_SUPPORT_PROXY_TCP_PROXY_H_
#define AUTHSTATE_TESTS_SUPPORT_PROXY_TCP_PROXY_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/support/proxy/proxied_connection.h"

namespace authstate::test {

// A TCP proxy in front of a server of 127.0.0.1, a PostgreSQL (or a pooler) unless another protocol is named, which
// does to its connections what bad networks do. It takes connections all the time, as a kernel does for a program that
// hangs.
//
// Thread-safe: faults begin and end while connections are in use. The destructor resets all connections.
class TcpProxy {
 public:
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Create(std::uint16_t server_port,
                                                          Protocol protocol = Protocol::kPostgres);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  std::uint16_t port() const { return port_; }

  // A black hole: nothing gets through in this direction, not even the end of a connection, and nobody is told. What is
  // under way waits, as in the retransmissions of TCP, for Resume.
  void Hold(Direction direction);
  // Everything flows: what waited, and at full speed. Ends a silence of Arm too.
  void Resume();

  // Every byte arrives so much later, in both directions.
  void SetDelay(absl::Duration delay);
  // So many bytes a second, in each direction of each connection; 0: as fast as they come.
  void SetRate(std::size_t bytes_per_second);

  // Resets every connection, on both sides.
  void ResetAll();
  // Leaves every connection half open: the server sees it end, the client does not, and talks to nobody from then on.
  void AbandonClients();
  // Resets the connection that is the first to have carried `bytes` more in this direction. Once.
  void ResetAfterBytes(Direction direction, std::size_t bytes);

  // Does this to the next statement of PostgreSQL that fits, once. Takes the place of what was armed before.
  void Arm(StatementFault fault);
  // Waits for what Arm or ResetAfterBytes prepared to happen; DeadlineExceeded when `timeout` passed.
  absl::Status AwaitFired(absl::Duration timeout);

 private:
  TcpProxy(int listener, int waker, std::uint16_t port, std::uint16_t server_port, Protocol protocol);

  void Run();
  // One round of the loop, once the descriptors are ready.
  void Work() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Accept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake() const;

  const int listener_;
  const int waker_;
  const std::uint16_t port_;
  const std::uint16_t server_port_;
  const Protocol protocol_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  LinkState link_ ABSL_GUARDED_BY(mutex_);
  std::list<ProxiedConnection> connections_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_PROXY_TCP_PROXY_H_
