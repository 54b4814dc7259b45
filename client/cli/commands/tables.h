#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_TABLES_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/command_context.h"
#include "client/cli/commands/commands.h"
#include "client/cli/database_choice.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "migrations/tables/plan.h"
#include "migrations/tables/sync.h"
#include "migrations/tables/table_move.h"
#include "migrations/tables/verification.h"
#include "profiles/backend_choice.h"

// What the commands of `authstatectl tables` share.
namespace authstate::cli {

struct TablesOptions {
  DatabaseChoice database;
  profiles::BackendChoice from = profiles::BackendChoice::kSupabase;
  profiles::BackendChoice to = profiles::BackendChoice::kTimeweb;
  tables::PlanRequest request;
  tables::Patience patience;
  tables::SyncOptions sync;
  // Rows that verify lists of each table.
  std::size_t listed = 100;
  bool print = false;
  bool reverse = false;
  std::string report;
  std::string page;
};

absl::Status RunTablesPlan(CommandContext& context, const TablesOptions& options);
absl::Status RunTablesSync(CommandContext& context, const TablesOptions& options);
absl::Status RunTablesVerify(CommandContext& context, const TablesOptions& options);
absl::Status RunTablesReport(CommandContext& context, const TablesOptions& options);

// --from and --to.
std::vector<Option> ProfilePair(TablesOptions* options);
Option Needs(TablesOptions* options);
Option Accept(TablesOptions* options);
// --schema and --tables.
std::vector<Option> TableChoice(TablesOptions* options);

// Why a report does not count any more, or never did, for the databases of `move`, whose catalogues were read; empty:
// it counts.
std::vector<std::string> WhyReportDoesNotCount(const tables::Verification& report, const tables::TableMove& move);

// Connects both databases, `reverse` the other way round, and warns of what is to be known of the connections.
absl::StatusOr<tables::TableMove> OpenMove(const TablesOptions& options, bool reverse, const SignalWatcher& signals);

// The findings as rows of a table for people.
std::string FindingsText(const std::vector<tables::Finding>& findings);

// FailedPrecondition, with the findings on the output, when some stand in the way; nothing is written then.
absl::Status RefuseBlocked(CommandContext& context, const tables::Plan& plan, const tables::PlanRequest& request);

// Shows how far the tables are, with rate and time left: of the one at work, and of all.
class TablesProgress {
 public:
  // `rows` of all tables, as the catalogue estimates them.
  TablesProgress(bool quiet, std::int64_t rows) : progress_(quiet), rows_(rows) {}

  void Show(const tables::TableSync& table, std::int64_t compared, std::int64_t about);

 private:
  Progress progress_;
  const std::int64_t rows_;
  const absl::Time began_ = absl::Now();
  absl::Time table_began_ = absl::Now();
  std::string table_;
  // Rows that were compared in the tables before this one.
  std::int64_t before_ = 0;
  std::int64_t compared_ = 0;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_TABLES_H_
