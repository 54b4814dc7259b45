#ifndef AUTHSTATE_CLIENT_CLI_DATABASE_CHOICE_H_
#define AUTHSTATE_CLIENT_CLI_DATABASE_CHOICE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/command.h"
#include "profiles/database_options.h"

// For commands that go to a database by themselves, without a server.
namespace authstate::cli {

// What a line says of the database. Outlives the parsing.
struct DatabaseChoice {
  // For --help and completion alone: what counts is read from `given`, the environment and the file.
  profiles::DatabaseOptions declared;
  std::string config;
  // What the line gives of these.
  std::vector<std::string> given;
};

// Gives `command`, and those below it, the options of authstated that choose a database, and --config for its file.
void DeclareDatabase(DatabaseChoice* choice, profiles::Command* command);

// The options of the line, those of the environment, and those of the file: as authstated reads them. Warns, on
// standard error, of a file with a password that others can read.
absl::StatusOr<profiles::DatabaseOptions> ReadDatabaseOptions(const DatabaseChoice& choice);
// Those of a file alone, whatever the environment says.
absl::StatusOr<profiles::DatabaseOptions> ReadDatabaseFile(const std::string& path);

// `authstatectl: WARNING`, on standard error.
void WarnOfDatabase(const std::string& warning);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_DATABASE_CHOICE_H_
