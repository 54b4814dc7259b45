#include "server/http/client_certificate.h"

#include <gnutls/x509.h>

#include <array>
#include <cstddef>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace authstate::server {
namespace {

struct FreeCertificate {
  void operator()(gnutls_x509_crt_t certificate) const { gnutls_x509_crt_deinit(certificate); }
};
using Certificate = std::unique_ptr<gnutls_x509_crt_int, FreeCertificate>;

bool IsTrusted(gnutls_session_t session) {
  std::string purpose = GNUTLS_KP_TLS_WWW_CLIENT;
  gnutls_typed_vdata_st wanted{};
  wanted.type = GNUTLS_DT_KEY_PURPOSE_OID;
  wanted.data = reinterpret_cast<unsigned char*>(purpose.data());
  unsigned faults = 0;
  return gnutls_certificate_verify_peers(session, &wanted, 1, &faults) == GNUTLS_E_SUCCESS && faults == 0;
}

absl::string_view KindOf(int type) {
  if (type == GNUTLS_SAN_DNSNAME) return "DNS:";
  return type == GNUTLS_SAN_URI ? "URI:" : "";
}

}  // namespace

std::optional<std::vector<std::string>> NamesOfClient(gnutls_session_t session) {
  if (!IsTrusted(session)) return std::nullopt;
  unsigned shown = 0;
  const gnutls_datum_t* const chain = gnutls_certificate_get_peers(session, &shown);
  gnutls_x509_crt_t parsed = nullptr;
  if (chain == nullptr || shown == 0 || gnutls_x509_crt_init(&parsed) != GNUTLS_E_SUCCESS) return std::nullopt;
  const Certificate certificate(parsed);
  if (gnutls_x509_crt_import(parsed, &chain[0], GNUTLS_X509_FMT_DER) != GNUTLS_E_SUCCESS) return std::nullopt;
  std::vector<std::string> names;
  // No host has a longer name; a URI that is longer is none of a caller.
  std::array<char, 2'048> name{};
  for (unsigned i = 0;; ++i) {
    std::size_t size = name.size();
    const int type = gnutls_x509_crt_get_subject_alt_name(parsed, i, name.data(), &size, nullptr);
    if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER) return names;
    const absl::string_view kind = KindOf(type);
    if (!kind.empty()) names.push_back(absl::StrCat(kind, absl::string_view(name.data(), size)));
  }
}

}  // namespace authstate::server
