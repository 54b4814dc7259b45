#include "server/connections/listening_sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

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

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

bool IsWildcard(absl::string_view host) { return host == "0.0.0.0" || host == "::"; }

absl::StatusOr<Addresses> Resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(IsWildcard(host) ? "::" : host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0) return absl::UnavailableError(gai_strerror(failed));
  return Addresses(found);
}

// `host:port` in two, the host without the brackets of an IPv6 address.
absl::StatusOr<std::pair<std::string, std::string>> HostAndPort(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return absl::UnavailableError("is neither host:port nor unix:PATH");
  const std::string host(absl::StripSuffix(absl::StripPrefix(address.substr(0, colon), "["), "]"));
  return std::pair(host, address.substr(colon + 1));
}

absl::Status Failed(const ListenAddress& address, const absl::Status& status) {
  return absl::UnavailableError(absl::StrCat(address.option, " ", address.text, ": ", status.message()));
}

bool IsLoopback(const sockaddr& address) {
  constexpr std::uint32_t kLoopbackNet = 127;
  constexpr int kNetShift = 24;
  if (address.sa_family == AF_INET) {
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> kNetShift == kLoopbackNet;
  }
  if (address.sa_family != AF_INET6) return false;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == kLoopbackNet);
}

sockaddr_storage BoundTo(int descriptor) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  return bound;
}

in_port_t PortOf(int descriptor) {
  sockaddr_storage bound = BoundTo(descriptor);
  return PortOf(reinterpret_cast<sockaddr*>(&bound));
}

}  // namespace

absl::StatusOr<bool> IsBeyondLoopback(const ListenAddress& address) {
  if (absl::StartsWith(address.text, kUnixPrefix)) return false;
  const auto parts = HostAndPort(address.text);
  if (!parts.ok()) return Failed(address, parts.status());
  const absl::StatusOr<Addresses> found = Resolve(parts->first, parts->second);
  if (!found.ok()) return Failed(address, found.status());
  for (const addrinfo* at = found->get(); at != nullptr; at = at->ai_next) {
    if (!IsLoopback(*at->ai_addr)) return true;
  }
  return false;
}

absl::StatusOr<ListeningSockets> ListeningSockets::Open(const ListenAddress& address) {
  ListeningSockets sockets;
  sockets.address_ = address.text;
  absl::Status opened;
  if (absl::StartsWith(address.text, kUnixPrefix)) {
    opened = sockets.OpenUnix(address.text.substr(kUnixPrefix.size()));
  } else if (const auto parts = HostAndPort(address.text); parts.ok()) {
    opened = sockets.OpenPort(parts->first, parts->second);
    if (opened.ok()) {
      const int port = ntohs(PortOf(sockets.descriptors_.front()));
      sockets.address_ = absl::StrCat(address.text.substr(0, address.text.rfind(':')), ":", port);
    }
  } else {
    opened = parts.status();
  }
  if (!opened.ok()) return Failed(address, opened);
  return sockets;
}

bool ListeningSockets::beyond_loopback() const {
  return std::any_of(descriptors_.begin(), descriptors_.end(), [](int descriptor) {
    const sockaddr_storage bound = BoundTo(descriptor);
    return bound.ss_family != AF_UNIX && !IsLoopback(reinterpret_cast<const sockaddr&>(bound));
  });
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
  const absl::StatusOr<Addresses> found = Resolve(host, port);
  if (!found.ok()) return found.status();
  absl::Status last;
  for (addrinfo* at = found->get(); at != nullptr; at = at->ai_next) {
    if (!descriptors_.empty()) PortOf(at->ai_addr) = PortOf(descriptors_.front());
    absl::StatusOr<int> descriptor = ListenOn(at->ai_family, at->ai_addr, at->ai_addrlen);
    if (!descriptor.ok() && IsWildcard(host)) {
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
