#include "server/http/peer_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace authstate::server {
namespace {

std::string Text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(family, address, text.data(), text.size()) == nullptr ? "" : text.data();
}

}  // namespace

std::string PeerNetwork(const sockaddr* address) {
  if (address == nullptr) return "";
  if (address->sa_family == AF_INET) {
    return Text(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
  }
  if (address->sa_family != AF_INET6) return "";
  in6_addr network = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  // An IPv4 client of a socket that serves both.
  if (IN6_IS_ADDR_V4MAPPED(&network)) return Text(AF_INET, &network.s6_addr[12]);
  std::fill(std::begin(network.s6_addr) + 8, std::end(network.s6_addr), 0);
  return absl::StrCat(Text(AF_INET6, &network), "/64");
}

}  // namespace authstate::server
