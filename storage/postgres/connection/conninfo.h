#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNINFO_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNINFO_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace authstate::storage {

// How to reach a database. Plain data.
struct Conninfo {
  // `keyword='value'` pairs for libpq. Holds the password: never shown, never logged. With a single host nothing is
  // asked of it while the connection is made (`writes`), as a pooler whose pool is full would not answer.
  std::string text;
  // `host:port/database`, without secrets; several hosts as `a:5432,b:5432/database`.
  std::string location;
  // The same by keyword, as libpq takes them.
  std::map<std::string, std::string> settings;
  // How long the making of one connection may take, for each host.
  absl::Duration connect_timeout;
  // Whether a session that takes no writes is none to serve from.
  bool writes = true;
  // Empty when there is none, or when it stands elsewhere (PGPASSWORD, a password file).
  std::string password;
};

// Reads what a user gave (`postgresql://…`, or a conninfo string) and adds what a server needs and the user did not
// say: TCP keepalives and timeouts, so that a dead peer is noticed; a primary among several hosts; UTF-8; our name.
// InvalidArgument when it cannot be read; the message does not quote it, as it may hold a password.
absl::StatusOr<Conninfo> ParseConninfo(absl::string_view url, absl::Duration connect_timeout);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNINFO_H_
