#ifndef AUTHSTATE_CLIENT_CLI_HOME_ADMIN_H_
#define AUTHSTATE_CLIENT_CLI_HOME_ADMIN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/command_context.h"
#include "client/cli/database_choice.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cpp/home_types.h"

namespace authstate::cli {

// Where it is asked what is at home in files of write-behind: a server, or its database without one. Errors are those
// of AdminService.
class HomeAdmin {
 public:
  virtual ~HomeAdmin() = default;

  // By session id; of the file of that id, or of all where it is empty.
  virtual absl::StatusOr<std::vector<client::HomeInfo>> List(const std::string& store_id) = 0;
  virtual absl::StatusOr<client::AbandonedHome> Abandon(const std::string& session_id, const std::string& store_id) = 0;
};

// The database, if the line says anything of one; else the server, whose calls end once a signal comes. Both outlive
// it.
absl::StatusOr<std::unique_ptr<HomeAdmin>> OpenHomes(CommandContext& context, SignalWatcher& signals,
                                                     const DatabaseChoice& database);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_HOME_ADMIN_H_
