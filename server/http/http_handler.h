#ifndef AUTHSTATE_SERVER_HTTP_HTTP_HANDLER_H_
#define AUTHSTATE_SERVER_HTTP_HTTP_HANDLER_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

// What HttpServer asks, and is answered.
namespace authstate::server {

struct HttpRequest {
  // The method of HTTP, in capital letters: `GET`.
  std::string method;
  // The path of what is asked for, decoded and without its query: `/metrics`.
  std::string path;
  // The values of `Authorization`, in their order.
  std::vector<std::string> authorization;
  // The names in the certificate that the client has shown, `DNS:` or `URI:` before each; none where none is asked for.
  std::vector<std::string> certificate_names;
  // A certificate is asked for, and the client has shown none that an authority of clients has signed.
  bool lacks_certificate = false;
  // PeerNetwork of the client.
  std::string network;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // Further lines of the head.
  std::vector<std::pair<std::string, std::string>> fields = {};
};

// Answers a request, of which it sees the head alone. Must not block.
using HttpHandler = std::function<HttpResponse(const HttpRequest& request)>;

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_HTTP_HANDLER_H_
