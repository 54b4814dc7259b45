#ifndef AUTHSTATE_PROFILES_TLS_POLICY_H_
#define AUTHSTATE_PROFILES_TLS_POLICY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "profiles/backend_choice.h"

// Which TLS a connection may have. Thread-safe; only CheckCaFile touches the file system.
namespace authstate::profiles {

// Whether one of the hosts (divided by commas) is reached over a network: neither a loopback address nor a directory of
// sockets.
bool HasRemoteHost(absl::string_view hosts);

// A mode that is in force, and what is weak about it (empty when nothing is).
struct TlsMode {
  std::string sslmode;
  std::string warning;
};

// The mode for these hosts; `named` is what the operator said, or empty. InvalidArgument for a mode that does not exist
// or that would fall back to plain text.
absl::StatusOr<TlsMode> ChooseTlsMode(BackendChoice choice, absl::string_view hosts, absl::string_view named);

// Whether the mode checks the server's certificate.
bool VerifiesServer(absl::string_view sslmode);

// InvalidArgument when the file (or `system`, where libpq has it) cannot serve as the CA of a profile.
absl::Status CheckCaFile(BackendChoice choice, const std::string& path);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_TLS_POLICY_H_
