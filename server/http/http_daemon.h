#ifndef AUTHSTATE_SERVER_HTTP_HTTP_DAEMON_H_
#define AUTHSTATE_SERVER_HTTP_HTTP_DAEMON_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "server/connections/tls_material.h"
#include "server/http/http_connections.h"
#include "server/http/http_handler.h"

struct MHD_Daemon;

namespace authstate::server {

// libmicrohttpd on one socket, with one thread. The head of a request has some 16 KiB at most; a body is not read, and
// after an answer the connection ends.
class HttpDaemon {
 public:
  // Serves until it is destroyed. `socket` listens, does not block, and is copied. `tls` is what CheckTlsMaterial has
  // found good; null: plain text. `handler` and `connections` outlive it; the handler is called on the daemon's thread.
  // Unavailable when there is no thread or memory to be had.
  static absl::StatusOr<std::unique_ptr<HttpDaemon>> Start(int socket, std::shared_ptr<const TlsMaterial> tls,
                                                           const HttpHandler* handler, HttpConnections* connections);
  // Ends the connections that are open.
  ~HttpDaemon();
  HttpDaemon(const HttpDaemon&) = delete;
  HttpDaemon& operator=(const HttpDaemon&) = delete;

  // Accepts no more connections, and goes on with those that are open. Once.
  void StopAccepting();

 private:
  // What libmicrohttpd calls.
  struct Callbacks;

  HttpDaemon(std::shared_ptr<const TlsMaterial> tls, const HttpHandler* handler, HttpConnections* connections);

  const std::shared_ptr<const TlsMaterial> tls_;
  const HttpHandler& handler_;
  HttpConnections& connections_;
  // None, or where StopAccepting has left the socket.
  int left_socket_ = -1;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_HTTP_DAEMON_H_
