#include "client/cpp/tls.h"

#include <fcntl.h>
#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace authstate::client {
namespace {

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

absl::Status Read(const std::string& path, std::string* text) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream read;
  if (file) read << file.rdbuf();
  if (!file) return absl::InvalidArgumentError(absl::StrCat(path, " cannot be read: ", std::strerror(errno)));
  *text = read.str();
  return absl::OkStatus();
}

Owned<BIO> Reader(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string OpensslReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "" : reason;
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

// What is wrong is told of the part of `files` that it is in.
absl::StatusOr<Owned<SSL_CTX>> Context(const Tls& tls, const TlsFiles& files) {
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

// `host:port` in two, the host without the brackets of an IPv6 address.
std::pair<std::string, std::string> HostAndPort(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {address, ""};
  std::string host = address.substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

// Whether `descriptor` is ready for `events` before `deadline`.
bool Await(int descriptor, std::int16_t events, absl::Time deadline) {
  pollfd ready{descriptor, events, 0};
  const std::int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
  return left_ms > 0 && poll(&ready, 1, static_cast<int>(left_ms)) == 1;
}

// A connection that does not block; -1: none came about.
int Connect(const std::string& host, const std::string& port, absl::Time deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* resolved = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &resolved) != 0) return -1;
  const Owned<addrinfo> found(resolved);
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    const int descriptor = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) continue;
    int error = connect(descriptor, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    socklen_t size = sizeof(error);
    if (error == EINPROGRESS && Await(descriptor, POLLOUT, deadline)) {
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0) return descriptor;
    close(descriptor);
  }
  return -1;
}

// Runs a step of TLS until it is done or fails; whether it is done.
template <typename Step>
bool Finish(SSL* connection, absl::Time deadline, Step step) {
  while (true) {
    ERR_clear_error();
    const int result = step();
    if (result > 0) return true;
    const int want = SSL_get_error(connection, result);
    const bool read = want == SSL_ERROR_WANT_READ;
    if (!read && want != SSL_ERROR_WANT_WRITE) return false;
    if (!Await(SSL_get_fd(connection), read ? POLLIN : POLLOUT, deadline)) return false;
  }
}

std::string WrongServer(std::int64_t verified, const std::string& name) {
  const char* const text = X509_verify_cert_error_string(verified);
  switch (verified) {
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

}  // namespace

absl::StatusOr<Tls> ReadTls(const TlsFiles& files) {
  Tls tls;
  absl::Status status = Read(files.authorities, &tls.authorities);
  status.Update(Read(files.certificate, &tls.certificate));
  status.Update(Read(files.key, &tls.key));
  if (!status.ok()) return status;
  if (tls.authorities.empty() && !files.authorities.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(files.authorities, " is empty"));
  }
  const auto context = Context(tls, files);
  if (!context.ok()) return context.status();
  return tls;
}

std::string WhyNoTls(const std::string& address, const Tls& tls, absl::Time deadline) {
  const auto context = Context(tls, TlsFiles{});
  if (!context.ok()) return std::string(context.status().message());
  const auto [host, port] = HostAndPort(address);
  const int descriptor = Connect(host, port, deadline);
  if (descriptor < 0) return "";
  const absl::Cleanup close_descriptor = [descriptor] { close(descriptor); };
  const Owned<SSL> connection(SSL_new(context->get()));
  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  X509_VERIFY_PARAM* const checks = SSL_get0_param(connection.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str()) != 1) {
    SSL_set_tlsext_host_name(connection.get(), name.c_str());
    X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  }
  constexpr std::array<unsigned char, 3> kHttp2 = {2, 'h', '2'};
  SSL_set_alpn_protos(connection.get(), kHttp2.data(), kHttp2.size());
  SSL_set_verify(connection.get(), SSL_VERIFY_PEER, nullptr);
  SSL_set_fd(connection.get(), descriptor);
  const bool connected = Finish(connection.get(), deadline, [&connection] { return SSL_connect(connection.get()); });
  const std::int64_t verified = SSL_get_verify_result(connection.get());
  if (verified != X509_V_OK) return WrongServer(verified, name);
  // In TLS 1.3 the client hears only after its handshake what the server thinks of its certificate, and of gRPC only by
  // the end of the connection.
  char byte = 0;
  if (connected && Finish(connection.get(), deadline, [&] { return SSL_read(connection.get(), &byte, 1); })) return "";
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason == 0) return "";
  if (reason == SSL_R_WRONG_VERSION_NUMBER) return "no TLS is spoken there";
  const std::string text = OpensslReason();
  if (!connected && reason < SSL_AD_REASON_OFFSET) return absl::StrCat("no TLS connection comes about: ", text);
  return absl::StrCat(tls.certificate.empty() ? "the server wants a certificate of its client, and there is none"
                                              : "the server does not accept the client's certificate",
                      " (", text, ")");
}

}  // namespace authstate::client
