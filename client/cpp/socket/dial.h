#ifndef AUTHSTATE_CLIENT_CPP_SOCKET_DIAL_H_
#define AUTHSTATE_CLIENT_CPP_SOCKET_DIAL_H_

#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/tls.h"

// Connections, with TLS or without, that gRPC has no part in. For this library alone.
namespace authstate::client {

struct Free {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* connection) const { SSL_free(connection); }
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// `host:port` in two, the host without the brackets of an IPv6 address.
std::pair<std::string, std::string> HostAndPort(const std::string& address);

// Whether `descriptor` is ready for `events` before `deadline`, and before `cancelled`, a descriptor unless it is -1,
// can be read.
bool Await(int descriptor, std::int16_t events, absl::Time deadline, int cancelled = -1);

// A connection to `host:port` or `unix:PATH` that does not block; -1: none came about, for the reason in errno if that
// is not 0.
int Connect(const std::string& address, absl::Time deadline, int cancelled = -1);

// InvalidArgument tells what is wrong of the part of `files` that it is in.
absl::StatusOr<Owned<SSL_CTX>> NewTlsContext(const Tls& tls, const TlsFiles& files);

// TLS on a connection whose server has to have the name of `tls`, or else `host`. Nothing is sent yet.
Owned<SSL> NewTlsConnection(SSL_CTX* context, const Tls& tls, const std::string& host, int descriptor);

// Runs a step of TLS, which is told as by SSL_read, until it is done or fails; what it came to then, 0 or less: failed.
int Finish(SSL* connection, absl::Time deadline, absl::FunctionRef<int()> step, int cancelled = -1);

// Why the server of a connection is none that may be spoken to; empty: it may.
std::string WrongServer(const SSL* connection, const std::string& name);

// What OpenSSL failed for last, which is then forgotten.
std::string OpensslReason();

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_SOCKET_DIAL_H_
