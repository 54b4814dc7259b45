#include "server/connections/tls_material.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/absolute_path.h"

namespace authstate::server {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

constexpr absl::string_view kCertificate = "--tls-certificate";
constexpr absl::string_view kKey = "--tls-key";
constexpr absl::string_view kClientCa = "--tls-client-ca";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;
using Certificates = std::vector<Owned<X509>>;

std::string Place(absl::string_view option, const std::string& path) {
  return absl::StrCat(option, " ", storage::AbsolutePath(path), ": ");
}

absl::StatusOr<std::string> ReadFile(absl::string_view option, const std::string& path) {
  const std::string place = Place(option, path);
  const auto system_error = [&place] { return absl::ErrnoToStatus(errno, absl::StrCat(place, "cannot be read")); };
  // Whoever opens a pipe would otherwise wait for somebody to write to it.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return system_error();
  const absl::Cleanup close_descriptor = [descriptor] { close(descriptor); };
  struct stat file {};
  if (fstat(descriptor, &file) != 0) return system_error();
  if (!S_ISREG(file.st_mode)) return absl::InvalidArgumentError(absl::StrCat(place, "is no regular file"));
  std::string text;
  std::array<char, 16'384> part{};
  while (true) {
    const ssize_t size = read(descriptor, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error();
    if (size == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(size));
    if (text.size() > kMaxFileBytes) {
      return absl::InvalidArgumentError(absl::StrCat(place, "is larger than ", kMaxFileBytes, " bytes"));
    }
  }
}

Owned<BIO> Reader(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Why OpenSSL failed last, which it then forgets.
std::string OpensslReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

// OpenSSL would ask for a passphrase on the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<Certificates> ParseCertificates(const std::string& pem) {
  const Owned<BIO> reader = Reader(pem);
  Certificates certificates;
  ERR_clear_error();
  while (X509* const certificate = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = OpensslReason();
  if (!at_end) {
    return absl::FailedPreconditionError(
        absl::StrCat("certificate ", certificates.size() + 1, " in it is broken: ", reason));
  }
  if (certificates.empty()) return absl::FailedPreconditionError("holds no certificate in PEM");
  return certificates;
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTimeT(timegm(&parts));
}

Validity ValidityOf(const X509* certificate) {
  return {ToTime(X509_get0_notBefore(certificate)), ToTime(X509_get0_notAfter(certificate))};
}

std::string Text(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone()); }

bool NamesAHost(const X509* certificate) {
  const Owned<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const int type = sk_GENERAL_NAME_value(names.get(), i)->type;
    if (type == GEN_DNS || type == GEN_IPADD) return true;
  }
  return false;
}

// What is wrong with the first of `certificates`, those after it being there to vouch for it; empty: nothing.
std::string FaultOfCertificate(const Certificates& certificates, absl::Time now) {
  X509* const own = certificates.front().get();
  const Validity validity = ValidityOf(own);
  if (now < validity.begin) return absl::StrCat("is not valid before ", Text(validity.begin));
  if (now >= validity.end) return absl::StrCat("has expired on ", Text(validity.end));
  if (!NamesAHost(own)) return "names no host: it has neither a DNS name nor an IP address as subject alternative name";
  if (X509_check_purpose(own, X509_PURPOSE_SSL_SERVER, /*ca=*/0) != 1) return "is not for servers (key usage)";
  const auto signed_it = [own](const Owned<X509>& other) { return X509_check_issued(other.get(), own) == X509_V_OK; };
  const bool vouched = certificates.size() == 1 || std::any_of(certificates.begin(), certificates.end(), signed_it);
  return vouched ? "" : "the first certificate in it is signed by none of the others";
}

// What is wrong with the key to `certificates`; empty: nothing.
std::string FaultOfKey(const std::string& pem, const Certificates& certificates) {
  bool encrypted = false;
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, NoPassphrase, &encrypted));
  const std::string reason = OpensslReason();
  if (encrypted) return "is encrypted with a passphrase, which nobody is there to give";
  if (key == nullptr) return absl::StrCat("holds no private key in PEM: ", reason);
  const bool fits = X509_check_private_key(certificates.front().get(), key.get()) == 1;
  ERR_clear_error();
  if (!fits) return absl::StrCat("does not fit the certificate of ", kCertificate);
  // Whatever else OpenSSL would refuse, such as an RSA key of 1,024 bits, it refuses here.
  const Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  const bool usable = SSL_CTX_use_certificate(context.get(), certificates.front().get()) == 1 &&
                      SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1;
  return usable ? "" : absl::StrCat("cannot be used with its certificate: ", OpensslReason());
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTlsMaterial(const TlsFiles& files) {
  TlsMaterial material;
  const auto read = [](absl::string_view option, const std::string& path, std::string* text) {
    if (path.empty()) return absl::OkStatus();
    absl::StatusOr<std::string> file = ReadFile(option, path);
    if (!file.ok()) return file.status();
    *text = *std::move(file);
    return absl::OkStatus();
  };
  absl::Status status = read(kCertificate, files.certificate, &material.certificate);
  status.Update(read(kKey, files.key, &material.key));
  status.Update(read(kClientCa, files.client_ca, &material.client_ca));
  if (!status.ok()) return status;
  return material;
}

absl::StatusOr<Validity> CheckTlsMaterial(const TlsFiles& files, const TlsMaterial& material, absl::Time now) {
  const auto fault = [](absl::string_view option, const std::string& path, absl::string_view what) {
    return absl::FailedPreconditionError(absl::StrCat(Place(option, path), what));
  };
  const absl::StatusOr<Certificates> own = ParseCertificates(material.certificate);
  if (!own.ok()) return fault(kCertificate, files.certificate, own.status().message());
  if (const std::string what = FaultOfCertificate(*own, now); !what.empty()) {
    return fault(kCertificate, files.certificate, what);
  }
  if (const std::string what = FaultOfKey(material.key, *own); !what.empty()) return fault(kKey, files.key, what);
  if (!files.client_ca.empty()) {
    const absl::StatusOr<Certificates> authorities = ParseCertificates(material.client_ca);
    if (!authorities.ok()) return fault(kClientCa, files.client_ca, authorities.status().message());
    const bool any_valid = std::any_of(authorities->begin(), authorities->end(), [now](const Owned<X509>& authority) {
      const Validity validity = ValidityOf(authority.get());
      return validity.begin <= now && now < validity.end;
    });
    if (!any_valid) return fault(kClientCa, files.client_ca, "none of its certificates is valid now");
  }
  return ValidityOf(own->front().get());
}

}  // namespace authstate::server
