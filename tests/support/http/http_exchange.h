#ifndef AUTHSTATE_TESTS_SUPPORT_HTTP_HTTP_EXCHANGE_H_
#define AUTHSTATE_TESTS_SUPPORT_HTTP_HTTP_EXCHANGE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace authstate::test {

// A TCP connection to a server of 127.0.0.1, for who speaks HTTP by hand. Closes it. Not thread-safe.
class HttpPeer {
 public:
  // `address`: `127.0.0.1:50123`.
  // From 127.0.0.`from`.
  explicit HttpPeer(absl::string_view address, int from = 1);
  ~HttpPeer();
  HttpPeer(const HttpPeer&) = delete;
  HttpPeer& operator=(const HttpPeer&) = delete;

  bool connected() const { return connected_; }
  // False once the server has closed the connection. Blocks while the server reads nothing.
  bool Send(absl::string_view bytes) const;
  // Sends no more.
  void EndSending() const;
  // All that the server sends until it closes the connection.
  std::string ReadToEnd() const;

 private:
  int socket_;
  bool connected_;
};

struct HttpAnswer {
  // 0: none came.
  int status = 0;
  // All before the body.
  std::string head;
  std::string body;
};

// What the server says to `GET path` on a connection of its own; `fields` are further lines, each with its CRLF.
HttpAnswer HttpGet(absl::string_view address, absl::string_view path, absl::string_view fields = "");
// Takes an answer apart.
HttpAnswer ParseAnswer(const std::string& bytes);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_HTTP_HTTP_EXCHANGE_H_
