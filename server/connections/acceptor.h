#ifndef AUTHSTATE_SERVER_CONNECTIONS_ACCEPTOR_H_
#define AUTHSTATE_SERVER_CONNECTIONS_ACCEPTOR_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/connections/listening_sockets.h"
#include "server/line_limit.h"

namespace authstate::server {

// Accepts connections and hands them to gRPC, never more than so many at once. gRPC 1.51's own listener has no bound,
// and gives up for good when descriptors run out once; this one tries again.
//
// It has a second descriptor of each connection, and so learns of its end: the kernel tells both.
class Acceptor {
 public:
  // Called from the acceptor's thread; owns the descriptor from then on.
  using Serve = std::function<void(int descriptor)>;

  // Accepts from now on, at most `max_connections` at once. Those beyond are closed at once and counted in the log.
  Acceptor(ListeningSockets sockets, std::size_t max_connections, Serve serve);
  // Accepts no more and ends every connection.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Accepts no more, waits until all connections were closed by their peers or `deadline` has passed, and ends those
  // that are left. What was sent before still arrives. Once.
  void Shutdown(absl::Time deadline);

 private:
  void Run();
  // Takes those who wait at `listener`, so many at a time.
  void Accept(int listener);
  void Admit(int descriptor);
  void Forget(int watched);
  void ReportFailure(int error);
  void Refuse(int descriptor);
  bool IsListener(int descriptor) const;
  void Watch(int descriptor, std::uint32_t events) const;

  // Until Shutdown.
  std::optional<ListeningSockets> sockets_;
  const std::size_t max_connections_;
  const Serve serve_;
  const int poller_;
  const int waker_;
  // The second descriptor of each connection.
  absl::flat_hash_set<int> watched_;
  LineLimit refusal_lines_;
  LineLimit failure_lines_;
  std::thread thread_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_ACCEPTOR_H_
