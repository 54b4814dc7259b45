#include "server/http/http_server.h"

#include <utility>

namespace authstate::server {

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(ListeningSockets sockets, CertificateWatch* certificates,
                                                              HttpHandler handler, storage::DeadlineTimer& timer,
                                                              const HttpLimits& limits) {
  std::unique_ptr<HttpServer> server(
      new HttpServer(std::move(sockets), certificates, std::move(handler), timer, limits));
  auto daemons = server->StartDaemons();
  if (!daemons.ok()) return daemons.status();
  server->daemons_ = *std::move(daemons);
  if (certificates != nullptr) certificates->OnReplaced([server = server.get()] { return server->ShowAnew(); });
  return server;
}

HttpServer::HttpServer(ListeningSockets sockets, CertificateWatch* certificates, HttpHandler handler,
                       storage::DeadlineTimer& timer, const HttpLimits& limits)
    : sockets_(std::move(sockets)),
      certificates_(certificates),
      handler_(std::move(handler)),
      connections_(timer, limits) {}

HttpServer::~HttpServer() {
  if (certificates_ != nullptr) certificates_->OnReplaced(nullptr);
}

absl::StatusOr<HttpServer::Daemons> HttpServer::StartDaemons() {
  Daemons daemons;
  const auto tls = certificates_ == nullptr ? nullptr : certificates_->current();
  for (const int socket : sockets_.descriptors()) {
    auto daemon = HttpDaemon::Start(socket, tls, &handler_, &connections_);
    if (!daemon.ok()) return daemon.status();
    daemons.push_back(*std::move(daemon));
  }
  return daemons;
}

// libmicrohttpd takes certificates and authorities when it starts, so others start on the same sockets.
absl::Status HttpServer::ShowAnew() {
  auto daemons = StartDaemons();
  if (!daemons.ok()) return daemons.status();
  for (const auto& daemon : daemons_) daemon->StopAccepting();
  retired_ = std::exchange(daemons_, *std::move(daemons));
  return absl::OkStatus();
}

}  // namespace authstate::server
