#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_LEASE_TEXT_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_LEASE_TEXT_H_

#include <string>

#include "client/cli/terminal/output.h"
#include "client/cpp/types.h"

// A lease in words and as JSON.
namespace authstate::cli {

bool IsLive(const client::Lease& lease);

// Whether another server's store of write-behind has the session: its fence is not told, and what the server that was
// asked has of the session is of the last flush.
bool IsAtHome(const client::Lease& lease);

// `free`, `29.5s left` or `expired`.
std::string LifeOf(const client::Lease& lease);

// The owner, `bot-1 (expired)`, or `-` for nobody.
std::string OwnerText(const client::Lease& lease);

// {"owner":…,"fence":…,"remaining_ms":…}; an empty owner: nobody's.
Json LeaseJson(const client::Lease& lease);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_LEASE_TEXT_H_
