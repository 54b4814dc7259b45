#ifndef AUTHSTATE_SERVER_CONNECTIONS_MESSAGE_BYTES_H_
#define AUTHSTATE_SERVER_CONNECTIONS_MESSAGE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace authstate::server {

// How many bytes of messages handlers have received over each connection of this process, which gRPC counts nowhere.
// Thread-safe.

// For the connection that `uri` names as grpc::ServerContextBase::peer() does; nothing if it is not counted.
void CountMessage(const std::string& uri, std::size_t bytes);

// Counts for the connection from `peer`, as PeerOf writes it, from 0 on, until it is forgotten as often.
void CountMessagesFrom(const std::string& peer);
void ForgetMessagesFrom(const std::string& peer);
std::uint64_t MessageBytesFrom(const std::string& peer);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_MESSAGE_BYTES_H_
