#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_COMMANDS_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_COMMANDS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/command_context.h"
#include "client/cli/write_lease.h"
#include "profiles/backend_choice.h"
#include "profiles/command.h"

// Each function makes a command with all that is below it. The one that the line names puts what it does into
// `*action`, which outlives the parsing.
namespace authstate::cli {

using profiles::Command;
using profiles::Flag;
using profiles::Option;
using profiles::Required;
using profiles::Text;

Command SessionCommands(Action* action);
Command SessionCheckCommand(Action* action);
Command SessionCopy(Action* action);
Command SessionRename(Action* action);
Command SessionList(Action* action);
Command SessionMendCommand(Action* action);
Command SessionPrune(Action* action);
Command SessionExport(Action* action);
Command SessionImport(Action* action);
Command CredsCommands(Action* action);
Command CutoverCommands(Action* action);
Command KeysCommands(Action* action);
Command LeaseCommands(Action* action);
Command HomeCommands(Action* action);
Command KeyringCommands(Action* action);
Command SchemaCommands(Action* action);
Command StoreCommands(Action* action);
Command StoreCopyCommand(Action* action);
Command TablesCommands(Action* action);
Command DecommissionCommands(Action* action);
Command TokenCommands(Action* action);
Command LegacyCommands(Action* action);
Command BackendCommands(Action* action);
Command BackendSync(Action* action);
Command BackupCommands(Action* action);
Command MaintenanceCommands(Action* action);
Command ServerCommands(Action* action);
Command WriteBehindCommands(Action* action);
Command TopCommand(Action* action);
Command CompletionCommand(Action* action);

// A command that is the way to others.
Command Group(std::string name, std::string help, std::vector<Command> commands);

// A command that does `run`, with `options` as `declared` has filled them in.
template <typename Options>
Command Leaf(std::string name, std::string help, const std::shared_ptr<Options>& options, std::vector<Option> declared,
             absl::Status (*run)(CommandContext&, const Options&), Action* action) {
  Command command = Group(std::move(name), std::move(help), {});
  command.options = std::move(declared);
  command.chosen = [=] { *action = [=](CommandContext& context) { return run(context, *options); }; };
  return command;
}

// The options that several commands have. What they point to outlives the parsing.
Option SessionArgument(std::string* session_id);
Option Prefix(std::string* prefix);
// A time ago: `30d`, or as in Go: `12h`, `90m`; 1 ms to 36,500 days.
Option Age(std::string names, std::optional<absl::Duration>* age, std::string help);
// One of the PostgreSQL profiles.
Option ProfileOption(const char* name, profiles::BackendChoice* choice, const char* help);
Option Yes(bool* yes, std::string help);
// --fence, which then is 1 or more.
Option Fence(std::uint64_t* fence, std::string help);
Option ExpectedRevision(std::optional<std::uint64_t>* revision);
// `declared` and, for a command that writes a session, --fence, --take-lease and --steal.
std::vector<Option> Writing(WriteOptions* options, std::vector<Option> declared);
// --steal, of a command that always takes the lease of what it writes; `options` say so then.
Option TakingLease(WriteOptions* options);

// What a command that wrote a session says.
absl::Status ReportRevision(Output& output, const std::string& session_id, std::uint64_t revision);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_COMMANDS_H_
