#ifndef AUTHSTATE_CLIENT_CPP_SOCKET_HTTP_GET_H_
#define AUTHSTATE_CLIENT_CPP_SOCKET_HTTP_GET_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/tls.h"

namespace authstate::client {

// A server that answers HTTP.
struct HttpServer {
  // host:port, or unix:PATH.
  std::string address;
  // nullopt: the connection is not encrypted.
  std::optional<Tls> tls;
};

struct HttpAnswer {
  // The status code of HTTP, such as 200.
  int status = 0;
  // Up to 8 MiB.
  std::string body;
};

// Asks for `path`, which needs no encoding, on a connection of its own, and shows `token` as `Bearer` unless it is
// empty. Unavailable where no whole answer comes: nobody listens there, the server is none that `tls` knows, or it says
// less, or more, than it should; DeadlineExceeded at `deadline`. Ends early, with Cancelled, when `cancelled`, a
// descriptor unless it is -1, can be read. Blocks.
absl::StatusOr<HttpAnswer> HttpGet(const HttpServer& server, const std::string& path, const std::string& token,
                                   absl::Time deadline, int cancelled = -1);

// Takes apart all that a server has sent until the connection ended; Unavailable where that is no whole answer. Pure.
absl::StatusOr<HttpAnswer> ParseHttpAnswer(const std::string& bytes);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_SOCKET_HTTP_GET_H_
