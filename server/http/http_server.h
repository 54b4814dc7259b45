#ifndef AUTHSTATE_SERVER_HTTP_HTTP_SERVER_H_
#define AUTHSTATE_SERVER_HTTP_HTTP_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/connections/certificate_watch.h"
#include "server/connections/listening_sockets.h"
#include "server/http/http_connections.h"
#include "server/http/http_daemon.h"
#include "server/http/http_handler.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// Answers HTTP/1.1, for who watches over the server: one request a connection. A client that is slow, or sends nothing,
// costs a socket and what it has sent, and keeps nobody waiting.
//
// With libmicrohttpd, as cpp-httplib 0.11.4, which Debian 12 has, takes heads and lines without end (CVE-2025-46728,
// CVE-2025-52887), and keeps a thread for each connection for as long as a byte comes now and then.
class HttpServer {
 public:
  // Serves until it is destroyed, with the certificates that are in force when a connection begins. `certificates`
  // outlives it; null: plain text. `handler` is called from a thread of the server. Unavailable when there is no thread
  // or memory to be had.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(ListeningSockets sockets, CertificateWatch* certificates,
                                                           HttpHandler handler, storage::DeadlineTimer& timer,
                                                           const HttpLimits& limits = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // As ListeningSockets::address.
  const std::string& address() const { return sockets_.address(); }

 private:
  // One for each socket.
  using Daemons = std::vector<std::unique_ptr<HttpDaemon>>;

  HttpServer(ListeningSockets sockets, CertificateWatch* certificates, HttpHandler handler,
             storage::DeadlineTimer& timer, const HttpLimits& limits);

  absl::StatusOr<Daemons> StartDaemons();
  // New connections get the certificates that are in force now; where that fails, the former ones, until it is
  // called again.
  absl::Status ShowAnew();

  const ListeningSockets sockets_;
  CertificateWatch* const certificates_;
  const HttpHandler handler_;
  HttpConnections connections_;
  Daemons daemons_;
  // Accept no more, and have at most connections that were open when certificates were replaced the last time.
  Daemons retired_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_HTTP_SERVER_H_
