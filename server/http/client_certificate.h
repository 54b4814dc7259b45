#ifndef AUTHSTATE_SERVER_HTTP_CLIENT_CERTIFICATE_H_
#define AUTHSTATE_SERVER_HTTP_CLIENT_CERTIFICATE_H_

#include <gnutls/gnutls.h>

#include <optional>
#include <string>
#include <vector>

namespace authstate::server {

// The names in the certificate that the client of a session has shown, `DNS:` or `URI:` before each. nullopt where it
// showed none, or one that no authority of the session's has signed, that is not for clients, or not valid now.
std::optional<std::vector<std::string>> NamesOfClient(gnutls_session_t session);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_CLIENT_CERTIFICATE_H_
