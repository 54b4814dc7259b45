#include "server/connections/listening_sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";

absl::Status SystemError() { return absl::UnavailableError(std::strerror(errno)); }

absl::StatusOr<int> ListenOn(int family, const sockaddr* address, socklen_t size) {
  const int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SystemError();
  const int on = 1;
  const int off = 0;
  // One server after the other may have the port, never two at a time.
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (bind(descriptor, address, size) == 0 && listen(descriptor, SOMAXCONN) == 0) return descriptor;
  const absl::Status failed = SystemError();
  close(descriptor);
  return failed;
}

// Every family's own field is at the same place.
in_port_t& PortOf(sockaddr* address) { return reinterpret_cast<sockaddr_in*>(address)->sin_port; }

in_port_t PortOf(int descriptor) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  return PortOf(reinterpret_cast<sockaddr*>(&bound));
}

}  // namespace

absl::StatusOr<ListeningSockets> ListeningSockets::Open(const std::string& address) {
  ListeningSockets sockets;
  sockets.address_ = address;
  absl::Status opened;
  if (absl::StartsWith(address, kUnixPrefix)) {
    opened = sockets.OpenUnix(address.substr(kUnixPrefix.size()));
  } else if (const std::size_t colon = address.rfind(':'); colon != std::string::npos) {
    const std::string host(absl::StripSuffix(absl::StripPrefix(address.substr(0, colon), "["), "]"));
    opened = sockets.OpenPort(host, address.substr(colon + 1));
    if (opened.ok()) {
      sockets.address_ = absl::StrCat(address.substr(0, colon), ":", ntohs(PortOf(sockets.descriptors_.front())));
    }
  } else {
    opened = absl::UnavailableError("is neither host:port nor unix:PATH");
  }
  if (!opened.ok()) return absl::UnavailableError(absl::StrCat("--listen ", address, ": ", opened.message()));
  return sockets;
}

ListeningSockets::~ListeningSockets() {
  for (const int descriptor : descriptors_) close(descriptor);
  if (!descriptors_.empty() && !path_.empty()) unlink(path_.c_str());
}

absl::Status ListeningSockets::OpenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::UnavailableError(
        absl::StrCat("a unix socket's path has 1 to ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  // Only a socket that nobody listens on any more is in the way of nobody.
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return SystemError();
  if (connect(probe, generic, sizeof(address)) != 0 && errno == ECONNREFUSED) unlink(path.c_str());
  close(probe);
  const absl::StatusOr<int> descriptor = ListenOn(AF_UNIX, generic, sizeof(address));
  if (!descriptor.ok()) return descriptor.status();
  descriptors_.push_back(*descriptor);
  path_ = path;
  return absl::OkStatus();
}

absl::Status ListeningSockets::OpenPort(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const bool wildcard = host == "0.0.0.0" || host == "::";
  int resolved = getaddrinfo(wildcard ? "::" : host.c_str(), port.c_str(), &hints, &found);
  if (resolved != 0) return absl::UnavailableError(gai_strerror(resolved));
  const absl::Cleanup free_found = [&found] { freeaddrinfo(found); };
  absl::Status last;
  for (addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (!descriptors_.empty()) PortOf(at->ai_addr) = PortOf(descriptors_.front());
    absl::StatusOr<int> descriptor = ListenOn(at->ai_family, at->ai_addr, at->ai_addrlen);
    if (!descriptor.ok() && wildcard) {
      // A machine without IPv6.
      sockaddr_in all{};
      all.sin_family = AF_INET;
      all.sin_port = PortOf(at->ai_addr);
      descriptor = ListenOn(AF_INET, reinterpret_cast<const sockaddr*>(&all), sizeof(all));
    }
    if (descriptor.ok()) {
      descriptors_.push_back(*descriptor);
    } else {
      last = descriptor.status();
    }
  }
  return descriptors_.empty() ? last : absl::OkStatus();
}

}  // namespace authstate::server
