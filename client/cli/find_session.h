#ifndef AUTHSTATE_CLIENT_CLI_FIND_SESSION_H_
#define AUTHSTATE_CLIENT_CLI_FIND_SESSION_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/client.h"

namespace authstate::cli {

// The session of this id; nullopt when there is none. Reads neither creds nor keys, so it works where those are
// damaged.
absl::StatusOr<std::optional<client::SessionSummary>> FindSession(client::Client& client,
                                                                  const std::string& session_id);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FIND_SESSION_H_
