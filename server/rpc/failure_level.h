#ifndef AUTHSTATE_SERVER_RPC_FAILURE_LEVEL_H_
#define AUTHSTATE_SERVER_RPC_FAILURE_LEVEL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/log/logging.h"

namespace authstate::server {

// How loud the outcome of a call (`AcquireLease`) or an operation of a pipe (`attach`) is in the log: callers' faults
// are for those who look for them, ours are for everybody.
LogLevel LevelOf(absl::string_view operation, const absl::Status& status);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_FAILURE_LEVEL_H_
