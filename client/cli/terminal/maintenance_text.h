#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_MAINTENANCE_TEXT_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_MAINTENANCE_TEXT_H_

#include <string>
#include <vector>

#include "client/cli/terminal/output.h"
#include "client/cpp/types.h"

namespace authstate::cli {

Json MaintenanceJson(const client::MaintenanceInfo& maintenance);

// Rows of two columns, of which the first is a name.
std::vector<std::vector<std::string>> MaintenanceRows(const client::MaintenanceInfo& maintenance);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_MAINTENANCE_TEXT_H_
