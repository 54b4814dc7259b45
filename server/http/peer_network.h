#ifndef AUTHSTATE_SERVER_HTTP_PEER_NETWORK_H_
#define AUTHSTATE_SERVER_HTTP_PEER_NETWORK_H_

#include <sys/socket.h>

#include <string>

namespace authstate::server {

// Where a client comes from, as far as that tells one from another: its IPv4 address (`192.0.2.7`), or the network of
// its IPv6 address, whose last 64 bits it may choose as it likes (`2001:db8:0:1::/64`). Empty for a unix socket, and
// where `address` is null.
std::string PeerNetwork(const sockaddr* address);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_PEER_NETWORK_H_
