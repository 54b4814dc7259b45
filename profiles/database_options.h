#ifndef AUTHSTATE_PROFILES_DATABASE_OPTIONS_H_
#define AUTHSTATE_PROFILES_DATABASE_OPTIONS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "profiles/backend_choice.h"
#include "profiles/command.h"
#include "profiles/postgres_profile.h"

namespace authstate::profiles {

// Every option that says where the state is kept; authstated and `authstatectl schema` take the same ones. Plain data;
// holds secrets.
struct DatabaseOptions {
  BackendChoice backend = BackendChoice::kSqlite;
  std::string sqlite_path = "authstate.db";
  // One for each of kPostgresProfiles, of which all may be filled in: only the one that `backend` names is used.
  std::map<BackendChoice, PostgresProfile> postgres = {
      {BackendChoice::kPostgres, {}}, {BackendChoice::kTimeweb, {}}, {BackendChoice::kSupabase, {}}};
  // For the database that is used, above the layout of its profile; empty when not given.
  std::string layout;
  // All of a server's connections to one database (PostgresOptions::connections).
  int postgres_connections = 8;
  // Roles that may use the tables besides their owner, divided by commas (PostgresOptions::allowed_roles).
  std::string allowed_roles;
  // How long a request may wait for one of them.
  absl::Duration postgres_queue_wait = absl::Seconds(5);
  // Memory for what long values were when they were last written whole (PostgresOptions::patch_base_bytes).
  std::size_t postgres_patch_bytes = std::size_t{32} << 20;
};

// How many of the connections to PostgreSQL requests have for themselves, whatever signs of life and snapshots keep.
inline int ConnectionsForCalls(const DatabaseOptions& options) { return options.postgres_connections / 2; }
// How many snapshots may keep: what is left beside those and the one for signs of life.
inline int ConnectionsForSnapshots(const DatabaseOptions& options) {
  return options.postgres_connections - ConnectionsForCalls(options) - 1;
}

// Text for --help on which option wins; several lines.
extern const absl::string_view kPrecedenceHelp;

// The options that fill in `options`, which outlives them.
std::vector<Option> DeclareDatabaseOptions(DatabaseOptions* options);

// The profile as the driver takes it, with the options common to all; see ResolveProfile. `choice` is a PostgreSQL one.
absl::StatusOr<PostgresTarget> ResolveTarget(const DatabaseOptions& options, BackendChoice choice);

// The PostgreSQL profiles of which anything is known.
std::vector<BackendChoice> ConfiguredProfiles(const DatabaseOptions& options);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_DATABASE_OPTIONS_H_
