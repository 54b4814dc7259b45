#ifndef AUTHSTATE_SERVER_EXPOSURE_H_
#define AUTHSTATE_SERVER_EXPOSURE_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/access/access_watch.h"
#include "server/connections/listening_sockets.h"
#include "server/options.h"

// What a server refuses to start with, as others than this machine could listen in or do everything; of each of its
// ports.
namespace authstate::server {

// The address of gRPC; that of HTTP, nullopt: there is none; both, as far as there are.
ListenAddress ListenOf(const Options& options);
std::optional<ListenAddress> HttpListenOf(const Options& options);
std::vector<ListenAddress> AddressesOf(const Options& options);

// Whether others than this machine may connect, also where that cannot be told.
bool IsExposed(const ListenAddress& address);

// InvalidArgument when the server would speak plain text there (`tls`: it does not) that others can listen to, and that
// was not allowed. Unavailable when that cannot be told.
absl::Status CheckPlainText(const ListenAddress& address, bool tls, bool allow_insecure);

// FailedPrecondition where nobody has been given rights, so that all who reach the server would have all of them or
// none, and others can reach it.
absl::Status CheckAccess(const ListenAddress& address, const AccessWatch::Current& access, bool allow_insecure);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_EXPOSURE_H_
