#include "client/cpp/socket/dial.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

namespace authstate::client {
namespace {

Owned<BIO> Reader(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// OpenSSL would ask for a passphrase on the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*unused*/) { return -1; }

bool UseAuthorities(const std::string& pem, SSL_CTX* context) {
  if (pem.empty()) return SSL_CTX_set_default_verify_paths(context) == 1;
  const Owned<BIO> reader = Reader(pem);
  int added = 0;
  while (X509* const next = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    const Owned<X509> authority(next);
    added += X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
  }
  return added > 0;
}

bool UseCertificate(const std::string& pem, SSL_CTX* context) {
  const Owned<BIO> reader = Reader(pem);
  const Owned<X509> own(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (X509* const next = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add_extra_chain_cert(context, next);
  }
  return true;
}

// A connection to an address; -1: errno says why not.
int ConnectTo(const sockaddr* address, socklen_t size, absl::Time deadline, int cancelled) {
  const int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  int error = connect(descriptor, address, size) == 0 ? 0 : errno;
  socklen_t error_size = sizeof(error);
  if (error == EINPROGRESS && Await(descriptor, POLLOUT, deadline, cancelled)) {
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &error_size);
  }
  if (error == 0) return descriptor;
  close(descriptor);
  errno = error == EINPROGRESS ? ETIMEDOUT : error;
  return -1;
}

}  // namespace

std::string OpensslReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "" : reason;
}

std::pair<std::string, std::string> HostAndPort(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {address, ""};
  std::string host = address.substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

bool Await(int descriptor, std::int16_t events, absl::Time deadline, int cancelled) {
  std::array<pollfd, 2> ready{{{descriptor, events, 0}, {cancelled, POLLIN, 0}}};
  const std::int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
  return left_ms > 0 && poll(ready.data(), ready.size(), static_cast<int>(left_ms)) > 0 && ready[1].revents == 0;
}

int Connect(const std::string& address, absl::Time deadline, int cancelled) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (path.size() >= sizeof(local.sun_path)) {
      errno = ENAMETOOLONG;
      return -1;
    }
    std::memcpy(local.sun_path, path.data(), path.size());
    return ConnectTo(reinterpret_cast<const sockaddr*>(&local), sizeof(local), deadline, cancelled);
  }
  const auto [host, port] = HostAndPort(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* resolved = nullptr;
  errno = 0;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &resolved) != 0) return -1;
  const Owned<addrinfo> found(resolved);
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    const int descriptor = ConnectTo(at->ai_addr, at->ai_addrlen, deadline, cancelled);
    if (descriptor >= 0) return descriptor;
  }
  return -1;
}

absl::StatusOr<Owned<SSL_CTX>> NewTlsContext(const Tls& tls, const TlsFiles& files) {
  const auto wrong = [](const std::string& path, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(path, " ", what, ": ", OpensslReason()));
  };
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  if (!UseAuthorities(tls.authorities, context.get())) return wrong(files.authorities, "holds no authority in PEM");
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError("a client's certificate and its key are needed together");
  }
  if (tls.certificate.empty()) return context;
  if (!UseCertificate(tls.certificate, context.get())) return wrong(files.certificate, "holds no certificate in PEM");
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(Reader(tls.key).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return wrong(files.key, "holds no private key in PEM that needs no passphrase");
  // What reading left behind would be taken for the reason.
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return wrong(files.key, absl::StrCat("does not fit ", files.certificate));
  }
  return context;
}

Owned<SSL> NewTlsConnection(SSL_CTX* context, const Tls& tls, const std::string& host, int descriptor) {
  Owned<SSL> connection(SSL_new(context));
  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  X509_VERIFY_PARAM* const checks = SSL_get0_param(connection.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str()) != 1) {
    SSL_set_tlsext_host_name(connection.get(), name.c_str());
    X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  }
  SSL_set_verify(connection.get(), SSL_VERIFY_PEER, nullptr);
  SSL_set_fd(connection.get(), descriptor);
  return connection;
}

int Finish(SSL* connection, absl::Time deadline, absl::FunctionRef<int()> step, int cancelled) {
  while (true) {
    ERR_clear_error();
    const int result = step();
    if (result > 0) return result;
    const int want = SSL_get_error(connection, result);
    const bool read = want == SSL_ERROR_WANT_READ;
    if (!read && want != SSL_ERROR_WANT_WRITE) return result;
    if (!Await(SSL_get_fd(connection), read ? POLLIN : POLLOUT, deadline, cancelled)) return -1;
  }
}

std::string WrongServer(const SSL* connection, const std::string& name) {
  const std::int64_t verified = SSL_get_verify_result(connection);
  const char* const text = X509_verify_cert_error_string(verified);
  switch (verified) {
    case X509_V_OK:
      return "";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate, or that of its authority, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid yet; is the clock right?";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the server's certificate is self-signed, and not among the known authorities";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return absl::StrCat("the server's certificate is of an unknown authority (", text, ")");
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return absl::StrCat("the server's certificate has another name than ", name);
    default:
      return absl::StrCat("the server's certificate cannot be verified: ", text);
  }
}

}  // namespace authstate::client
