#include "profiles/database_options.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "profiles/secrets.h"

namespace authstate::profiles {
namespace {

constexpr std::uint64_t kMaxConnections = 1000;
constexpr std::uint64_t kMaxQueueWaitMs = 600'000;

const std::vector<std::string> kLayouts = {"auto", "native", "legacy"};

// The options of one profile, under its name and title.
std::vector<Option> DeclareProfile(BackendChoice choice, PostgresProfile* profile) {
  const auto named = [choice](absl::string_view name) { return absl::StrCat("--", NameOf(choice), "-", name); };
  std::vector<Option> options = {
      Masked(
          Text(named("url"), &profile->url, "URL (postgresql://user:password@host:port/database) or conninfo string"),
          MaskPassword),
      Text(named("host"), &profile->host, "Host, or several divided by commas: the one that takes writes is used"),
      Text(named("port"), &profile->port, "Port, or one for each host"),
      Text(named("database"), &profile->database, "Database"),
      Text(named("user"), &profile->user, "Role"),
      Masked(Text(named("password"), &profile->password, "Password; better in the file or the environment"), MaskAll),
      Text(named("password-file"), &profile->password_file, "File whose first line is the password"),
      Text(named("sslmode"), &profile->sslmode, "TLS: verify-full by default towards another machine"),
      Text(named("ca-file"), &profile->ca_file, "PEM file of the authority that signed the server's certificate"),
      Choice(named("pooler"), &profile->pooler, {"auto", "none", "session", "transaction"}, "Pooler in between"),
      Choice(named("layout"), &profile->layout, kLayouts, "Tables that keep the state")};
  for (Option& option : options) option.group = TitleOf(choice);
  return options;
}

}  // namespace

const absl::string_view kPrecedenceHelp =
    R"(Every option is also an environment variable (AUTHSTATE_SQLITE_PATH for --sqlite-path) and an entry of the --config
file (sqlite-path = "..."). Flags win over the environment, which wins over the file. Of one profile, its fields win
over its URL. The options of several profiles may stand side by side: --backend alone chooses.

Where neither --backend nor AUTHSTATE_BACKEND is given, the variable USE_LEGACY_SUPABASE chooses if it is set: `false` is
timeweb, anything else is supabase. It wins over the file's backend entry.)";

std::vector<Option> DeclareDatabaseOptions(DatabaseOptions* options) {
  std::vector<std::pair<std::string, BackendChoice>> backends = {
      {NameOf(BackendChoice::kSqlite), BackendChoice::kSqlite}};
  for (const BackendChoice choice : kPostgresProfiles) backends.emplace_back(NameOf(choice), choice);
  std::vector<Option> declared = {
      Choice("--backend", &options->backend, backends, "Where the state is kept"),
      Text("--sqlite-path", &options->sqlite_path, "File of the sqlite backend; made when it is not there"),
      Choice("--layout", &options->layout, kLayouts,
             "Tables of the PostgreSQL that is used, above its profile's layout"),
      Text("--allowed-roles", &options->allowed_roles,
           "Roles of PostgreSQL that may use the tables besides their owner, divided by commas"),
      Number(
          "--postgres-connections", &options->postgres_connections, storage::kLeastPostgresConnections, kMaxConnections,
          "All connections of this server to PostgreSQL, any profile: one for signs of life, the others for requests"),
      Milliseconds("--postgres-queue-wait-ms", &options->postgres_queue_wait, 1, kMaxQueueWaitMs,
                   "How long a request may wait for one of them, before it is refused with RESOURCE_EXHAUSTED"),
      Number("--postgres-patch-bytes", &options->postgres_patch_bytes, 0, kMaxMemoryBytes,
             "Memory for writing what has changed of long values instead of the values; 0 turns that off")};
  for (const BackendChoice choice : kPostgresProfiles) {
    for (Option& option : DeclareProfile(choice, &options->postgres[choice])) declared.push_back(std::move(option));
  }
  return declared;
}

absl::StatusOr<PostgresTarget> ResolveTarget(const DatabaseOptions& options, BackendChoice choice) {
  PostgresProfile profile = options.postgres.at(choice);
  if (!options.layout.empty() && choice == options.backend) profile.layout = options.layout;
  absl::StatusOr<PostgresTarget> target = ResolveProfile(choice, profile);
  if (!target.ok()) return target;
  target->options.allowed_roles = absl::StrSplit(options.allowed_roles, ',', absl::SkipWhitespace());
  for (std::string& role : target->options.allowed_roles) absl::StripAsciiWhitespace(&role);
  target->options.connections = options.postgres_connections;
  target->options.patch_base_bytes = options.postgres_patch_bytes;
  target->options.queue_wait = options.postgres_queue_wait;
  return target;
}

std::vector<BackendChoice> ConfiguredProfiles(const DatabaseOptions& options) {
  std::vector<BackendChoice> configured;
  for (const BackendChoice choice : kPostgresProfiles) {
    if (options.postgres.at(choice).configured()) configured.push_back(choice);
  }
  return configured;
}

}  // namespace authstate::profiles
