#include "server/http/http_daemon.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "server/http/client_certificate.h"
#include "server/http/peer_network.h"
#include "server/log/logging.h"

namespace authstate::server {
namespace {

// What a connection has for the head of its request and of its answer.
constexpr std::size_t kConnectionBytes = std::size_t{32} << 10;
// TLS 1.2 and 1.3 alone, as on the port of gRPC; a priority string of GnuTLS.
constexpr char kTlsVersions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

MHD_Result AddValue(void* values, MHD_ValueKind /*kind*/, const char* name, const char* value) {
  if (absl::EqualsIgnoreCase(name, MHD_HTTP_HEADER_AUTHORIZATION)) {
    static_cast<std::vector<std::string>*>(values)->emplace_back(
        absl::StripAsciiWhitespace(value == nullptr ? "" : value));
  }
  return MHD_YES;
}

MHD_Result Send(MHD_Connection* connection, const HttpResponse& answer) {
  MHD_Response* const response =
      MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  for (const auto& [name, value] : answer.fields) MHD_add_response_header(response, name.c_str(), value.c_str());
  if (answer.status == MHD_HTTP_UNAUTHORIZED) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
  }
  if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued;
}

std::string NetworkOf(MHD_Connection* connection) {
  const auto* const address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  return PeerNetwork(address == nullptr ? nullptr : address->client_addr);
}

}  // namespace

struct HttpDaemon::Callbacks {
  static MHD_Result Answer(void* self, MHD_Connection* connection, const char* path, const char* method,
                           const char* /*version*/, const char* /*upload*/, std::size_t* /*upload_size*/,
                           void** /*request*/) {
    const auto& daemon = *static_cast<const HttpDaemon*>(self);
    HttpRequest request;
    if (daemon.tls_ != nullptr && !daemon.tls_->client_ca.empty()) {
      const auto* const session = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
      auto names =
          session == nullptr ? std::nullopt : NamesOfClient(static_cast<gnutls_session_t>(session->tls_session));
      request.lacks_certificate = !names.has_value();
      if (names.has_value()) request.certificate_names = *std::move(names);
    }
    request.method = method;
    request.path = path;
    request.network = NetworkOf(connection);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, AddValue, &request.authorization);
    return Send(connection, AnswerOf(daemon.handler_, request));
  }

  // The library that calls here is of C, through which no exception may pass.
  static HttpResponse AnswerOf(const HttpHandler& handler, const HttpRequest& request) {
    try {
      return handler(request);
    } catch (const std::exception& error) {
      Log(LogLevel::kError, "a request over HTTP could not be answered",
          {{"path", request.path}, {"error", error.what()}});
      return {MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "this could not be told\n"};
    }
  }

  static void Notice(void* self, MHD_Connection* connection, void** /*context*/, MHD_ConnectionNotificationCode what) {
    const int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    HttpConnections& connections = static_cast<HttpDaemon*>(self)->connections_;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
      connections.Add(socket, NetworkOf(connection));
    } else {
      connections.Remove(socket);
    }
  }
};

absl::StatusOr<std::unique_ptr<HttpDaemon>> HttpDaemon::Start(int socket, std::shared_ptr<const TlsMaterial> tls,
                                                              const HttpHandler* handler,
                                                              HttpConnections* connections) {
  const int own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  struct stat of_socket {};
  if (own < 0 || fstat(own, &of_socket) != 0) return absl::UnavailableError(std::strerror(errno));
  auto started = std::unique_ptr<HttpDaemon>(new HttpDaemon(std::move(tls), handler, connections));
  std::vector<MHD_OptionItem> of_tls;
  unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC;
  const auto add = [&of_tls](MHD_OPTION option, const char* text) {
    of_tls.push_back({option, 0, const_cast<char*>(text)});
  };
  if (started->tls_ != nullptr) {
    flags |= MHD_USE_TLS;
    add(MHD_OPTION_HTTPS_PRIORITIES, kTlsVersions);
    add(MHD_OPTION_HTTPS_MEM_CERT, started->tls_->certificate.c_str());
    add(MHD_OPTION_HTTPS_MEM_KEY, started->tls_->key.c_str());
    if (!started->tls_->client_ca.empty()) add(MHD_OPTION_HTTPS_MEM_TRUST, started->tls_->client_ca.c_str());
  }
  of_tls.push_back({MHD_OPTION_END, 0, nullptr});
  // Those that were cut off are closed a moment later, and are not to be waited for.
  const auto most = static_cast<unsigned>(2 * connections->most());
  started->daemon_ = MHD_start_daemon(
      flags, 0, nullptr, nullptr, &Callbacks::Answer, started.get(), MHD_OPTION_LISTEN_SOCKET, own,
      MHD_OPTION_NOTIFY_CONNECTION, &Callbacks::Notice, started.get(), MHD_OPTION_CONNECTION_LIMIT, most,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes, MHD_OPTION_ARRAY, of_tls.data(), MHD_OPTION_END);
  if (started->daemon_ != nullptr) return started;
  // Some failures have closed it, and its number may be another's by now.
  struct stat now {};
  if (fstat(own, &now) == 0 && now.st_dev == of_socket.st_dev && now.st_ino == of_socket.st_ino) close(own);
  return absl::UnavailableError("libmicrohttpd cannot serve there: no thread or memory, or a key it does not know");
}

HttpDaemon::HttpDaemon(std::shared_ptr<const TlsMaterial> tls, const HttpHandler* handler, HttpConnections* connections)
    : tls_(std::move(tls)), handler_(*handler), connections_(*connections) {}

HttpDaemon::~HttpDaemon() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  if (left_socket_ >= 0) close(left_socket_);
}

void HttpDaemon::StopAccepting() { left_socket_ = MHD_quiesce_daemon(daemon_); }

}  // namespace authstate::server
