#ifndef AUTHSTATE_CLIENT_CPP_TLS_H_
#define AUTHSTATE_CLIENT_CPP_TLS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace authstate::client {

// How a client knows its server, and shows who it is. The connection speaks TLS 1.2 or 1.3, and goes to no server that
// it cannot verify.
struct Tls {
  // The authorities one of which has signed the server's certificate, in PEM; empty: those of the system.
  std::string authorities;
  // The client's own certificate, with those between it and its authority, and its key, in PEM; empty: it shows none.
  std::string certificate;
  std::string key;
  // The name that the server's certificate has; empty: the host of the address.
  std::string server_name;
};

// Files with those parts of Tls, each empty where there is none.
struct TlsFiles {
  std::string authorities;
  std::string certificate;
  std::string key;
};

// Reads the files. InvalidArgument, with the path and what is wrong, when one cannot be read or holds no PEM, when a
// certificate or a key stands alone, or when they do not belong together.
absl::StatusOr<Tls> ReadTls(const TlsFiles& files);

// Why no TLS connection to the server at `address` comes about: its certificate has expired, is of an unknown authority
// or has another name, there is no TLS, or the server refuses the client's certificate. gRPC 1.51 tells only that
// verification failed, or that the socket was closed; so this connects once more, until `deadline` at the latest. Empty
// when nothing is wrong that TLS could tell.
std::string WhyNoTls(const std::string& address, const Tls& tls, absl::Time deadline);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_TLS_H_
