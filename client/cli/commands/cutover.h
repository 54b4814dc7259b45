#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_CUTOVER_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_CUTOVER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/command_context.h"
#include "client/cli/commands/tables.h"

// What the commands of `authstatectl cutover` share.
namespace authstate::cli {

struct CutoverOptions {
  // --config, --from, --to, and what of the tables is to be moved; --report.
  TablesOptions tables;
  std::string steps;
  // For `rehearse` alone: the file of the databases that are not to be touched, where the record goes, and whether an
  // earlier one goes on.
  std::string live;
  std::string record;
  bool resume = false;
  // Those that follow are for `check` alone.
  std::string rehearsal;
  std::string backups;
  // Empty: drill.prom in the folder of the backups.
  std::string drill_metrics;
  std::vector<std::string> may_connect;
  std::optional<absl::Duration> max_backup_age = absl::Hours(1);
  std::optional<absl::Duration> max_drill_age = absl::Hours(24);
  std::optional<absl::Duration> max_rehearsal_age = absl::Hours(7 * 24);
  absl::Duration way_back = absl::Minutes(5);
  absl::Duration max_lag = absl::Seconds(30);
};

absl::Status RunCutoverCheck(CommandContext& context, const CutoverOptions& options);
absl::Status RunCutoverRehearse(CommandContext& context, const CutoverOptions& options);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_CUTOVER_H_
