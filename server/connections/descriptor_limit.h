#ifndef AUTHSTATE_SERVER_CONNECTIONS_DESCRIPTOR_LIMIT_H_
#define AUTHSTATE_SERVER_CONNECTIONS_DESCRIPTOR_LIMIT_H_

#include <cstddef>

namespace authstate::server {

// Raises the process's soft limit on descriptors to the hard one, where it may; returns the one in force.
std::size_t RaiseDescriptorLimit();

// How many connections a process may have open at once under that limit: each takes two descriptors (Acceptor), and a
// quarter, 256 at most, is kept for everything else: databases, logs, gRPC's own. Never more than 4,096, which also
// bounds what idle connections cost in memory; a process with pools needs one or two.
std::size_t MaxConnections(std::size_t descriptors);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_DESCRIPTOR_LIMIT_H_
