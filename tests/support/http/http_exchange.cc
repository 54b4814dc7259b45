#include "tests/support/http/http_exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace authstate::test {

HttpPeer::HttpPeer(absl::string_view address, int from) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  std::uint32_t port = 0;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool known = absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port);
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<std::uint32_t>(from));
  connected_ = known && bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0 &&
               connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
}

HttpPeer::~HttpPeer() { close(socket_); }

bool HttpPeer::Send(absl::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void HttpPeer::EndSending() const { shutdown(socket_, SHUT_WR); }

std::string HttpPeer::ReadToEnd() const {
  std::string all;
  std::array<char, 16'384> part{};
  while (true) {
    const ssize_t size = recv(socket_, part.data(), part.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return all;
    all.append(part.data(), static_cast<std::size_t>(size));
  }
}

HttpAnswer ParseAnswer(const std::string& bytes) {
  HttpAnswer answer;
  const std::size_t end = bytes.find("\r\n\r\n");
  answer.head = bytes.substr(0, end);
  if (end != std::string::npos) answer.body = bytes.substr(end + 4);
  constexpr std::size_t kVersion = std::string_view("HTTP/1.1 ").size();
  if (bytes.size() >= kVersion + 3) (void)absl::SimpleAtoi(bytes.substr(kVersion, 3), &answer.status);
  return answer;
}

HttpAnswer HttpGet(absl::string_view address, absl::string_view path, absl::string_view fields) {
  const HttpPeer peer(address);
  if (!peer.connected() || !peer.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n", fields, "\r\n")))
    return {};
  return ParseAnswer(peer.ReadToEnd());
}

}  // namespace authstate::test
