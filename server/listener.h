#ifndef AUTHSTATE_SERVER_LISTENER_H_
#define AUTHSTATE_SERVER_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace authstate::server {

// A gRPC server that serves, with health service and reflection.
struct Listener {
  std::unique_ptr<grpc::Server> server;
  // The address with the port in force.
  std::string address;
};

// Listens on `address` ("host:port", port 0 for a free one) and serves `services`, which are borrowed and outlive the
// server. Unavailable, with the system's reason, when the address cannot be had.
absl::StatusOr<Listener> Listen(const std::string& address, const std::vector<grpc::Service*>& services);

// Sets what the health service answers for the whole server and for the services that need the backend.
void SetServing(grpc::Server* server, bool serving);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LISTENER_H_
