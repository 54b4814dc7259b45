#include "client/cpp/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/socket/dial.h"

namespace authstate::client {
namespace {

absl::Status Read(const std::string& path, std::string* text) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream read;
  if (file) read << file.rdbuf();
  if (!file) return absl::InvalidArgumentError(absl::StrCat(path, " cannot be read: ", std::strerror(errno)));
  *text = read.str();
  return absl::OkStatus();
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
  const auto context = NewTlsContext(tls, files);
  if (!context.ok()) return context.status();
  return tls;
}

std::string WhyNoTls(const std::string& address, const Tls& tls, absl::Time deadline) {
  const auto context = NewTlsContext(tls, TlsFiles{});
  if (!context.ok()) return std::string(context.status().message());
  const int descriptor = Connect(address, deadline);
  if (descriptor < 0) return "";
  const absl::Cleanup close_descriptor = [descriptor] { close(descriptor); };
  const std::string host = HostAndPort(address).first;
  const Owned<SSL> connection = NewTlsConnection(context->get(), tls, host, descriptor);
  constexpr std::array<unsigned char, 3> kHttp2 = {2, 'h', '2'};
  SSL_set_alpn_protos(connection.get(), kHttp2.data(), kHttp2.size());
  const bool connected =
      Finish(connection.get(), deadline, [&connection] { return SSL_connect(connection.get()); }) > 0;
  std::string wrong = WrongServer(connection.get(), tls.server_name.empty() ? host : tls.server_name);
  if (!wrong.empty()) return wrong;
  // In TLS 1.3 the client hears only after its handshake what the server thinks of its certificate, and of gRPC only by
  // the end of the connection.
  char byte = 0;
  if (connected && Finish(connection.get(), deadline, [&] { return SSL_read(connection.get(), &byte, 1); }) > 0) {
    return "";
  }
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
