#include "client/cli/database_choice.h"

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "profiles/readable_files.h"

namespace authstate::cli {

void DeclareDatabase(DatabaseChoice* choice, profiles::Command* command) {
  for (profiles::Option& option : profiles::DeclareDatabaseOptions(&choice->declared)) {
    command->options.push_back(std::move(option));
  }
  command->options.push_back(
      profiles::Text("--config", &choice->config, "TOML file of authstated, whose database options count here too"));
  command->footer = std::string(profiles::kPrecedenceHelp);
  command->last_value_wins = true;
  command->given = &choice->given;
}

absl::StatusOr<profiles::DatabaseOptions> ReadDatabaseOptions(const DatabaseChoice& choice) {
  profiles::DatabaseOptions options;
  profiles::Command program;
  program.options = profiles::DeclareDatabaseOptions(&options);
  program.last_value_wins = true;
  std::string config_path;
  // The file is that of authstated and says more than is asked for here.
  profiles::Layers layers{{}, /*foreign_entries=*/true, &config_path};
  for (char** entry = environ; *entry != nullptr; ++entry) layers.environment.emplace_back(*entry);
  const absl::StatusOr<std::string> parsed = profiles::Parse(program, choice.given, /*version=*/"", &layers);
  if (!parsed.ok()) return parsed.status();
  if (config_path.empty()) return options;
  const std::optional<std::string> readable = profiles::WarningOfConfigReaders(config_path);
  if (readable.has_value()) WarnOfDatabase(*readable);
  return options;
}

void WarnOfDatabase(const std::string& warning) { std::fprintf(stderr, "authstatectl: %s\n", warning.c_str()); }

}  // namespace authstate::cli
