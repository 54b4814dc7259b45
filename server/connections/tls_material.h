#ifndef AUTHSTATE_SERVER_CONNECTIONS_TLS_MATERIAL_H_
#define AUTHSTATE_SERVER_CONNECTIONS_TLS_MATERIAL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

// What a server needs to speak TLS, all of it in PEM. Thread-safe; only ReadTlsMaterial touches the file system.
namespace authstate::server {

// Paths, each from the option of its name.
struct TlsFiles {
  // The server's certificate, and after it those between it and the authority that clients know. Empty: no TLS.
  std::string certificate;
  // The private key, not encrypted.
  std::string key;
  // The authorities of client certificates, one of which every client then has to show. Empty: none is asked for.
  std::string client_ca;
};

// What is spoken where these files are given: `plain text`, `TLS` or `mutual TLS`.
inline std::string TransportOf(const TlsFiles& files) {
  if (files.certificate.empty()) return "plain text";
  return files.client_ca.empty() ? "TLS" : "mutual TLS";
}

// What the files hold at one moment.
struct TlsMaterial {
  std::string certificate;
  std::string key;
  std::string client_ca;

  friend bool operator==(const TlsMaterial& a, const TlsMaterial& b) {
    return a.certificate == b.certificate && a.key == b.key && a.client_ca == b.client_ca;
  }
};

// From when until when a certificate is valid.
struct Validity {
  absl::Time begin;
  absl::Time end;
};

// Reads the files. NotFound or PermissionDenied, with the option, the path and the system's reason, when one cannot be
// read; InvalidArgument when one is no regular file, or larger than a megabyte.
absl::StatusOr<TlsMaterial> ReadTlsMaterial(const TlsFiles& files);

// Whether a server can serve with `material` at `now`, and for how long. FailedPrecondition, with the option and the
// path, when something is no PEM, the certificate is not valid now, names no host (subject alternative name, as clients
// look at nothing else), is not for servers or not signed by any that come after it, when the key does not fit it, or
// when no authority of clients is valid. An authority that has expired is nothing to mind beside others that have not.
absl::StatusOr<Validity> CheckTlsMaterial(const TlsFiles& files, const TlsMaterial& material, absl::Time now);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_TLS_MATERIAL_H_
