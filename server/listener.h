#ifndef AUTHSTATE_SERVER_LISTENER_H_
#define AUTHSTATE_SERVER_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/connections/certificate_watch.h"
#include "server/connections/listening_sockets.h"

namespace grpc {
class Server;
class ServerCredentials;
class Service;
}  // namespace grpc

namespace authstate::server {

class Acceptor;

struct ListenerOptions {
  ListenAddress address;
  // What is shown in TLS handshakes; outlives the listener. nullptr: plain text.
  const CertificateWatch* certificates = nullptr;
  // After which time clients are asked to make a new connection, as one outlives the certificates it began with. Calls
  // that are still under way a minute later are ended. Zero: never.
  absl::Duration max_connection_age;
};

// A gRPC server that serves, with health service and reflection.
class Listener {
 public:
  // Listens and serves `services`, which are borrowed and outlive the listener. Unavailable, with the system's reason,
  // when the address cannot be had.
  static absl::StatusOr<std::unique_ptr<Listener>> Create(const ListenerOptions& options,
                                                          const std::vector<grpc::Service*>& services);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The address as it was given, but with the port that the system chose where that was 0.
  const std::string& address() const { return address_; }

  // Sets what the health service answers for the whole server and for the services that need the backend.
  void SetServing(bool serving);

  // Accepts no more, answers calls on the connections there are until `deadline`, then ends the connections, and with
  // them the calls that are under way. Once; from then on only to be deleted.
  void Shutdown(absl::Time deadline);

 private:
  Listener() = default;

  std::string address_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LISTENER_H_
