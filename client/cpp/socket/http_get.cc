#include "client/cpp/socket/http_get.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/cpp/socket/dial.h"

namespace authstate::client {
namespace {

constexpr std::size_t kMostBytes = std::size_t{8} << 20;

// One connection. Each step returns how many bytes it took, 0 at the end, less where it failed.
class Connection {
 public:
  // `tls`: null without. Both outlive it.
  Connection(int descriptor, SSL* tls, absl::Time deadline, int cancelled)
      : descriptor_(descriptor), tls_(tls), deadline_(deadline), cancelled_(cancelled) {}

  bool SendAll(absl::string_view bytes) const {
    while (!bytes.empty()) {
      const std::int64_t sent = Step(POLLOUT, [&bytes, this] {
        return tls_ == nullptr ? send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                               : SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
      });
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Whether that is all that comes is for who knows how long it should be to tell.
  std::string ReadToEnd() const {
    std::string all;
    std::array<char, 16'384> part{};
    while (all.size() <= kMostBytes) {
      const std::int64_t size = Step(POLLIN, [&part, this] {
        return tls_ == nullptr ? recv(descriptor_, part.data(), part.size(), 0)
                               : SSL_read(tls_, part.data(), static_cast<int>(part.size()));
      });
      if (size <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(size));
    }
    return all;
  }

 private:
  std::int64_t Step(std::int16_t events, absl::FunctionRef<std::int64_t()> step) const {
    if (tls_ != nullptr) {
      return Finish(
          tls_, deadline_, [&step] { return static_cast<int>(step()); }, cancelled_);
    }
    while (true) {
      const std::int64_t result = step();
      if (result >= 0 || (errno != EAGAIN && errno != EINTR)) return result;
      if (errno == EAGAIN && !Await(descriptor_, events, deadline_, cancelled_)) return -1;
    }
  }

  const int descriptor_;
  SSL* const tls_;
  const absl::Time deadline_;
  const int cancelled_;
};

bool CanBeRead(int descriptor) {
  pollfd ready{descriptor, POLLIN, 0};
  return poll(&ready, 1, 0) > 0;
}

// What is told of a connection that came to nothing.
absl::Status Failure(const HttpServer& server, absl::string_view why, absl::Time deadline, int cancelled) {
  if (CanBeRead(cancelled)) return absl::CancelledError("interrupted");
  if (absl::Now() >= deadline) return absl::DeadlineExceededError(absl::StrCat("no answer from ", server.address));
  return absl::UnavailableError(absl::StrCat("no answer from ", server.address, why.empty() ? "" : ": ", why));
}

absl::StatusOr<HttpAnswer> Ask(const HttpServer& server, const Connection& connection, const std::string& request,
                               absl::Time deadline, int cancelled) {
  // A server that refuses the client's certificate has closed by now, and may have said why.
  (void)connection.SendAll(request);
  const std::string bytes = connection.ReadToEnd();
  absl::StatusOr<HttpAnswer> answer = ParseHttpAnswer(bytes);
  return answer.ok() ? answer : Failure(server, answer.status().message(), deadline, cancelled);
}

}  // namespace

absl::StatusOr<HttpAnswer> ParseHttpAnswer(const std::string& bytes) {
  if (bytes.size() > kMostBytes) return absl::UnavailableError("the answer has no end");
  const std::size_t end = bytes.find("\r\n\r\n");
  const std::vector<absl::string_view> head = absl::StrSplit(absl::string_view(bytes).substr(0, end), "\r\n");
  const std::vector<absl::string_view> first = absl::StrSplit(head.front(), absl::MaxSplits(' ', 2));
  HttpAnswer answer;
  if (end == std::string::npos || first.size() < 2 || !absl::StartsWith(first[0], "HTTP/1.") ||
      !absl::SimpleAtoi(first[1], &answer.status)) {
    return absl::UnavailableError(bytes.empty() ? "the connection was closed" : "what answers is no server of HTTP");
  }
  answer.body = bytes.substr(end + 4);
  for (absl::string_view line : head) {
    const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(line, absl::MaxSplits(':', 1));
    std::size_t size = 0;
    if (!absl::EqualsIgnoreCase(field.first, "content-length")) continue;
    if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(field.second), &size) || size != answer.body.size()) {
      return absl::UnavailableError("the answer ended before its end");
    }
    return answer;
  }
  return absl::UnavailableError("the answer does not say how long it is");
}

absl::StatusOr<HttpAnswer> HttpGet(const HttpServer& server, const std::string& path, const std::string& token,
                                   absl::Time deadline, int cancelled) {
  const std::string host = HostAndPort(server.address).first;
  std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", host, "\r\n");
  if (!token.empty()) absl::StrAppend(&request, "Authorization: Bearer ", token, "\r\n");
  absl::StrAppend(&request, "\r\n");

  const int descriptor = Connect(server.address, deadline, cancelled);
  if (descriptor < 0) {
    return Failure(server, errno == 0 ? "its host is not known" : std::strerror(errno), deadline, cancelled);
  }
  const absl::Cleanup close_descriptor = [descriptor] { close(descriptor); };
  if (!server.tls.has_value()) {
    return Ask(server, Connection(descriptor, nullptr, deadline, cancelled), request, deadline, cancelled);
  }
  const auto context = NewTlsContext(*server.tls, TlsFiles{});
  if (!context.ok()) return context.status();
  const Owned<SSL> tls = NewTlsConnection(context->get(), *server.tls, host, descriptor);
  const int connected = Finish(
      tls.get(), deadline, [&tls] { return SSL_connect(tls.get()); }, cancelled);
  if (connected <= 0) {
    std::string why = WrongServer(tls.get(), server.tls->server_name.empty() ? host : server.tls->server_name);
    if (why.empty()) why = absl::StrCat("no TLS connection comes about: ", OpensslReason());
    return Failure(server, why, deadline, cancelled);
  }
  return Ask(server, Connection(descriptor, tls.get(), deadline, cancelled), request, deadline, cancelled);
}

}  // namespace authstate::client
