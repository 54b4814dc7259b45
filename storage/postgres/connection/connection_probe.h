#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_PROBE_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_PROBE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/postgres/connection/conninfo.h"

namespace authstate::storage {

// What a connection turned out to be. Plain data.
struct ConnectionFacts {
  // `TLSv1.3, verify-full`: the protocol, and the sslmode under which it was agreed. Empty without TLS.
  std::string tls;
};

// Makes one connection, by libpq itself, and ends it: before anything is served it tells an operator what stands in the
// way, and how the connection is protected. libpqxx can do neither: it hands the server's words on without their
// SQLSTATE, and libpqxx 6 shows no PGconn to ask about TLS. (pg_stat_ssl behind a pooler tells of the pooler's link.)
//
// Hosts are tried in their order, each for `connect_timeout`, until one takes writes; blocks as long. The errors are
// those of ConnectError (connect_error.h), `profile` naming the options; of several hosts, all are named.
absl::StatusOr<ConnectionFacts> ProbeConnection(const Conninfo& conninfo, absl::string_view profile,
                                                absl::Duration connect_timeout);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_PROBE_H_
