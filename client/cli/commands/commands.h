#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_COMMANDS_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_COMMANDS_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "client/cli/command_context.h"
#include "client/cli/write_lease.h"

// Each function adds commands to `parent`. The command that is chosen puts what it does into `*action`, which outlives
// the parsing.
namespace authstate::cli {

void AddSessionCommands(CLI::App& parent, Action* action);
void AddSessionExport(CLI::App& session, Action* action);
void AddSessionImport(CLI::App& session, Action* action);
void AddCredsCommands(CLI::App& parent, Action* action);
void AddKeysCommands(CLI::App& parent, Action* action);
void AddLeaseCommands(CLI::App& parent, Action* action);
void AddSchemaCommands(CLI::App& parent, Action* action);
void AddStoreCommands(CLI::App& parent, Action* action);
void AddLegacyCommands(CLI::App& parent, Action* action);
void AddBackendCommands(CLI::App& parent, Action* action);
void AddServerCommands(CLI::App& parent, Action* action);
void AddCompletionCommand(CLI::App& parent, Action* action);

// Adds --fence, which then is 1 or more. `fence` outlives the parsing.
CLI::Option* AddFence(CLI::App& command, std::uint64_t* fence, const std::string& description);

// Adds --expected-revision to a command that writes a session. `revision` outlives the parsing.
void AddExpectedRevision(CLI::App& command, std::optional<std::uint64_t>* revision);

// Adds --fence, --take-lease and --steal to a command that writes a session. `options` outlives the parsing.
void AddWriteOptions(CLI::App& command, WriteOptions* options);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_COMMANDS_H_
