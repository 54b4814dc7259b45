#include "client/cli/address.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";
constexpr std::uint32_t kMaxPort = 65'535;

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, "; the address is host:port, as in 127.0.0.1:50051, or unix:PATH"));
}

// What is before the colon of the port, without the brackets of an IPv6 address.
absl::string_view HostOf(absl::string_view address) {
  absl::string_view host = address.substr(0, address.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) (void)absl::ConsumeSuffix(&host, "]");
  return host;
}

}  // namespace

absl::Status CheckAddress(const std::string& address) {
  if (absl::StartsWith(address, kUnixPrefix)) {
    return address.size() > kUnixPrefix.size() ? absl::OkStatus() : Wrong("the path is missing");
  }
  if (absl::StrContains(address, "://")) return Wrong("that is a URL");
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return Wrong("the port is missing");
  const absl::string_view before = absl::string_view(address).substr(0, colon);
  const bool bracketed = absl::StartsWith(before, "[") && absl::EndsWith(before, "]");
  if (!bracketed && absl::StrContains(before, ':')) return Wrong("an IPv6 address stands in brackets");
  if (HostOf(address).empty()) return Wrong("the host is missing");
  std::uint32_t port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port == 0 || port > kMaxPort) {
    return Wrong("the port is no number from 1 to 65535");
  }
  return absl::OkStatus();
}

absl::Status CheckHostExists(const std::string& address) {
  if (absl::StartsWith(address, kUnixPrefix)) return absl::OkStatus();
  const std::string host(HostOf(address));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error == 0) freeaddrinfo(found);
  if (error != EAI_NONAME) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no host of the name ", host));
}

}  // namespace authstate::cli
