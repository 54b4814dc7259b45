#ifndef AUTHSTATE_SERVER_CONNECTIONS_ACCEPTOR_H_
#define AUTHSTATE_SERVER_CONNECTIONS_ACCEPTOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/connections/flood_watch.h"
#include "server/connections/listening_sockets.h"
#include "server/log/line_limit.h"
#include "storage/batches/work_queue.h"

namespace authstate::server {

// Accepts connections and hands them to gRPC, never more than so many at once. gRPC 1.51's own listener has no bound,
// and gives up for good when descriptors run out once; this one tries again.
//
// It has a second descriptor of each connection, and so learns of its end: the kernel tells both. By it the connection
// of a client that floods the server is ended (FloodWatch).
class Acceptor {
 public:
  // Called from a thread of the acceptor's own; owns the descriptor from then on.
  using Serve = std::function<void(int descriptor)>;

  // Accepts from now on, at most `max_connections` at once. Those beyond are closed at once and counted in the log.
  Acceptor(ListeningSockets sockets, std::size_t max_connections, Framing framing, Serve serve);
  // Accepts no more and ends every connection.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Accepts no more, waits until all connections were closed by their peers or `deadline` has passed, and ends those
  // that are left. What was sent before still arrives. Once.
  void Shutdown(absl::Time deadline);

 private:
  void Run();
  // Hands over what was accepted. gRPC reads from a connection before it returns, for as long as there is anything to
  // read: a thread of its own is held up by that, and not who accepts and watches.
  void HandOver();
  // Takes those who wait at `listener`, so many at a time.
  void Accept(int listener);
  // Lets so much time pass, unless it is to stop.
  void Pause(int ms) const;
  void Admit(int descriptor);
  void Forget(int watched);
  void ReportFailure(int error);
  void Refuse(int descriptor);
  bool IsListener(int descriptor) const;
  void Watch(int descriptor, std::uint32_t events) const;

  // Closed by Shutdown.
  std::optional<ListeningSockets> sockets_;
  const std::size_t max_connections_;
  const Serve serve_;
  const int poller_;
  const int waker_;
  // Has the second descriptor of each connection.
  FloodWatch watch_;
  LineLimit refusal_lines_;
  LineLimit failure_lines_;
  storage::WorkQueue<int> accepted_;
  // How many accepted connections gRPC does not have yet: those in `accepted_`, and the one that it is being handed.
  std::atomic<int> waiting_ = 0;
  std::thread thread_;
  std::thread hand_over_thread_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_ACCEPTOR_H_
