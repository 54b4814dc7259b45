#ifndef AUTHSTATE_CLIENT_CLI_ADDRESS_H_
#define AUTHSTATE_CLIENT_CLI_ADDRESS_H_

#include <string>

#include "absl/status/status.h"

namespace authstate::cli {

// Whether `address` has the form of a server's: host:port (an IPv6 address in brackets), or unix:PATH. InvalidArgument
// with what is wrong about it. Pure.
absl::Status CheckAddress(const std::string& address);

// NotFound when the host of `address`, which CheckAddress accepts, is a name that does not exist. A name server that
// does not answer is no such proof. Blocks for as long as the system's resolver does.
absl::Status CheckHostExists(const std::string& address);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_ADDRESS_H_
