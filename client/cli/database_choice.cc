#include "client/cli/database_choice.h"

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/readable_files.h"

namespace authstate::cli {
namespace {

absl::StatusOr<profiles::DatabaseOptions> Read(const std::vector<std::string>& given,
                                               std::vector<std::string> environment) {
  profiles::DatabaseOptions options;
  profiles::Command program;
  program.options = profiles::DeclareDatabaseOptions(&options);
  program.last_value_wins = true;
  std::string config_path;
  // The file is that of authstated and says more than is asked for here.
  const profiles::Layers layers{std::move(environment), /*foreign_entries=*/true, &config_path};
  const absl::StatusOr<std::string> parsed = profiles::Parse(program, given, /*version=*/"", &layers);
  if (!parsed.ok()) return parsed.status();
  if (config_path.empty()) return options;
  const std::optional<std::string> readable = profiles::WarningOfConfigReaders(config_path);
  if (readable.has_value()) WarnOfDatabase(*readable);
  return options;
}

}  // namespace

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
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return Read(choice.given, std::move(environment));
}

absl::StatusOr<profiles::DatabaseOptions> ReadDatabaseFile(const std::string& path) {
  return Read({absl::StrCat("--config=", path)}, {});
}

void WarnOfDatabase(const std::string& warning) { std::fprintf(stderr, "authstatectl: %s\n", warning.c_str()); }

}  // namespace authstate::cli
