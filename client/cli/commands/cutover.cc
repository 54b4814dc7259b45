#include "client/cli/commands/cutover.h"

#include <memory>
#include <utility>

#include "client/cli/commands/commands.h"

namespace authstate::cli {
namespace {

Command Check(const std::shared_ptr<CutoverOptions>& options, Action* action) {
  std::vector<Option> declared = TableChoice(&options->tables);
  for (Option& option : std::vector<Option>{
           Needs(&options->tables), Accept(&options->tables),
           Required(Text("--report", &options->tables.report, "JSON file that `tables verify --report` has written")),
           Required(Text("--rehearsal", &options->rehearsal, "JSON file that `cutover rehearse --record` has written")),
           Required(Text("--backups", &options->backups, "The folder of the backups")),
           Text("--drill-metrics", &options->drill_metrics,
                "The --metrics-file of `backup drill`; else drill.prom in the folder of the backups"),
           profiles::List("--may-connect", &options->may_connect,
                          "ROLE or ROLE/APPLICATION that may be connected to the databases; more than once"),
           Age("--max-backup-age", &options->max_backup_age, "How old the newest backup may be"),
           Age("--max-drill-age", &options->max_drill_age,
               "How old the last drill may be, and the backup that it tried"),
           profiles::Duration("--max-lag", &options->max_lag, absl::Milliseconds(1), absl::Hours(24),
                              "How far the auth state of --to may be behind"),
           profiles::Duration("--way-back", &options->way_back, absl::Milliseconds(1), absl::Hours(24),
                              "How long the way back may have taken in the rehearsal"),
           Age("--max-rehearsal-age", &options->max_rehearsal_age, "How old the rehearsal may be")}) {
    declared.push_back(std::move(option));
  }
  return Leaf("check", "Tell whether all gates are open: go, or no go; exit code 6 unless each answers yes", options,
              std::move(declared), RunCutoverCheck, action);
}

Command Rehearse(const std::shared_ptr<CutoverOptions>& options, Action* action) {
  return Leaf("rehearse", "Run all steps on copies of the databases, then the way back, and write down the times",
              options,
              {Required(Text("--live", &options->live,
                             "TOML file of the authstated that is live, whose databases are not to be touched")),
               Required(Text("--record", &options->record, "JSON file for what came out")),
               Flag("--resume", &options->resume,
                    "Go on with the rehearsal of --record: what was done, and whose check holds, is not run again")},
              RunCutoverRehearse, action);
}

}  // namespace

Command CutoverCommands(Action* action) {
  const auto options = std::make_shared<CutoverOptions>();
  Command group = Group("cutover", "The evening on which another database takes over: check its gates, rehearse it",
                        {Check(options, action), Rehearse(options, action)});
  for (Command& command : group.commands) {
    command.options.push_back(Required(Text("--steps", &options->steps, "TOML file with the steps of the evening")));
    for (Option& option : ProfilePair(&options->tables)) command.options.push_back(std::move(option));
  }
  DeclareDatabase(&options->tables.database, &group);
  return group;
}

}  // namespace authstate::cli
