#ifndef AUTHSTATE_SERVER_CONNECTIONS_TLS_CREDENTIALS_H_
#define AUTHSTATE_SERVER_CONNECTIONS_TLS_CREDENTIALS_H_

#include <functional>
#include <memory>

#include "server/connections/tls_material.h"

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace authstate::server {

// What a server is to show from now on, which it has checked. Called within handshakes, on any thread: it blocks
// nobody. The same object means that nothing has changed.
using CurrentTlsMaterial = std::function<std::shared_ptr<const TlsMaterial>()>;

// Credentials of a server that asks `current` at every handshake. TLS 1.2 and 1.3, as gRPC has it. Each client has to
// show a certificate if `client_certificates`. Outlive the server that uses them.
//
// gRPC's own provider of files that change is of no use: while it sees a key that does not fit its certificate, or a
// broken file, it fails every handshake.
std::shared_ptr<grpc::ServerCredentials> NewTlsCredentials(CurrentTlsMaterial current, bool client_certificates);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_TLS_CREDENTIALS_H_
