#include "server/access/credentials.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <iterator>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kScheme = "bearer ";
constexpr absl::string_view kHostName = "DNS:";
constexpr absl::string_view kUri = "URI:";

void AddNames(const grpc::AuthContext& peer, const char* property, absl::string_view kind,
              std::vector<std::string>* names) {
  for (const grpc::string_ref& value : peer.FindPropertyValues(property)) {
    names->push_back(CanonicalName(absl::StrCat(kind, absl::string_view(value.data(), value.size()))));
  }
}

std::vector<std::string> CertificateNamesOf(const grpc::CallbackServerContext& context) {
  std::vector<std::string> names;
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return names;
  AddNames(*peer, GRPC_PEER_DNS_PROPERTY_NAME, kHostName, &names);
  AddNames(*peer, GRPC_PEER_URI_PROPERTY_NAME, kUri, &names);
  return names;
}

}  // namespace

Credentials CredentialsOf(const grpc::CallbackServerContext& context) {
  Credentials shown;
  const auto [first, last] = context.client_metadata().equal_range(kAuthorizationKey);
  shown.has_token = first != last;
  shown.certificate_names = CertificateNamesOf(context);
  if (shown.has_token && std::next(first) == last) {
    // Where there are several, none is more the caller's than the others.
    shown.token = ParseAuthorization(absl::string_view(first->second.data(), first->second.size()));
  }
  return shown;
}

std::optional<tokens::Token> ParseAuthorization(absl::string_view value) {
  if (!absl::StartsWithIgnoreCase(value, kScheme)) return std::nullopt;
  return tokens::Token::Parse(value.substr(kScheme.size()));
}

std::string CanonicalName(absl::string_view certificate_name) {
  return absl::StartsWith(certificate_name, kHostName)
             ? absl::StrCat(kHostName, absl::AsciiStrToLower(absl::StripPrefix(certificate_name, kHostName)))
             : std::string(certificate_name);
}

}  // namespace authstate::server
