#include "profiles/database_options.h"

#include <CLI/Option.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "profiles/option_checks.h"
#include "profiles/secrets.h"

namespace authstate::profiles {
namespace {

constexpr std::uint64_t kMaxConnections = 1000;
constexpr std::uint64_t kMaxQueueWaitMs = 600'000;

// One option of a profile: what its name ends with, where it goes, what it is for, and what it may be (anything when
// empty).
struct Member {
  const char* name;
  std::string PostgresProfile::*value;
  const char* description;
  std::vector<std::string> choices;
};

const std::vector<Member>& Members() {
  static const auto* const kMembers = new std::vector<Member>{
      {"url", &PostgresProfile::url, "URL (postgresql://user:password@host:port/database) or conninfo string", {}},
      {"host", &PostgresProfile::host, "Host, or several divided by commas: the one that takes writes is used", {}},
      {"port", &PostgresProfile::port, "Port, or one for each host", {}},
      {"database", &PostgresProfile::database, "Database", {}},
      {"user", &PostgresProfile::user, "Role", {}},
      {"password", &PostgresProfile::password, "Password; better in the file or the environment", {}},
      {"password-file", &PostgresProfile::password_file, "File whose first line is the password", {}},
      {"sslmode", &PostgresProfile::sslmode, "TLS: verify-full by default towards another machine", {}},
      {"ca-file", &PostgresProfile::ca_file, "PEM file of the authority that signed the server's certificate", {}},
      {"pooler", &PostgresProfile::pooler, "Pooler in between", {"auto", "none", "session", "transaction"}},
      {"layout", &PostgresProfile::layout, "Tables that keep the state", {"auto", "native", "legacy"}}};
  return *kMembers;
}

void DeclareProfile(CLI::App* app, BackendChoice choice, PostgresProfile* profile) {
  for (const Member& member : Members()) {
    CLI::Option* const option = app->add_option(absl::StrCat("--", NameOf(choice), "-", member.name),
                                                profile->*member.value, member.description);
    option->group(TitleOf(choice));
    if (!member.choices.empty()) option->check(OneOf(member.choices));
  }
}

}  // namespace

const absl::string_view kPrecedenceHelp =
    R"(Every option is also an environment variable (AUTHSTATE_SQLITE_PATH for --sqlite-path) and an entry of the --config
file (sqlite-path = "..."). Flags win over the environment, which wins over the file. Of one profile, its fields win
over its URL. The options of several profiles may stand side by side: --backend alone chooses.

Where neither --backend nor AUTHSTATE_BACKEND is given, the variable USE_LEGACY_SUPABASE chooses if it is set: `false` is
timeweb, anything else is supabase. It wins over the file's backend entry.)";

void DeclareDatabaseOptions(CLI::App* app, DatabaseOptions* options) {
  std::vector<std::string> backends = {NameOf(BackendChoice::kSqlite)};
  for (const BackendChoice choice : kPostgresProfiles) backends.push_back(NameOf(choice));
  app->add_option_function<std::string>(
         "--backend",
         [options](const std::string& name) {
           options->backend = BackendChoice::kSqlite;
           for (const BackendChoice choice : kPostgresProfiles) {
             if (NameOf(choice) == name) options->backend = choice;
           }
         },
         "Where the state is kept")
      ->check(OneOf(backends))
      ->default_str(NameOf(options->backend));
  app->add_option("--sqlite-path", options->sqlite_path, "File of the sqlite backend; made when it is not there");
  app->add_option("--layout", options->layout, "Tables of the PostgreSQL that is used, above its profile's layout")
      ->check(OneOf({"auto", "native", "legacy"}));
  app->add_option("--allowed-roles", options->allowed_roles,
                  "Roles of PostgreSQL that may use the tables besides their owner, divided by commas");
  for (const BackendChoice choice : kPostgresProfiles) DeclareProfile(app, choice, &options->postgres[choice]);
  app->add_option(
         "--postgres-connections", options->postgres_connections,
         "All connections of this server to PostgreSQL, any profile: one for signs of life, the others for requests")
      ->check(NumberBetween(storage::kLeastPostgresConnections, kMaxConnections));
  app->add_option("--postgres-queue-wait-ms", options->postgres_queue_wait_ms,
                  "How long a request may wait for one of them, before it is refused with RESOURCE_EXHAUSTED")
      ->check(NumberBetween(1, kMaxQueueWaitMs));
  app->add_option("--postgres-patch-bytes", options->postgres_patch_bytes,
                  "Memory for writing what has changed of long values instead of the values; 0 turns that off")
      ->check(NumberBetween(0, kMaxMemoryBytes));
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
  target->options.queue_wait = absl::Milliseconds(options.postgres_queue_wait_ms);
  return target;
}

std::vector<BackendChoice> ConfiguredProfiles(const DatabaseOptions& options) {
  std::vector<BackendChoice> configured;
  for (const BackendChoice choice : kPostgresProfiles) {
    if (options.postgres.at(choice).configured()) configured.push_back(choice);
  }
  return configured;
}

std::string TomlString(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string PrintDatabaseOptions(const DatabaseOptions& options) {
  std::string lines = absl::StrCat("backend = ", TomlString(NameOf(options.backend)),    //
                                   "\nsqlite-path = ", TomlString(options.sqlite_path),  //
                                   "\npostgres-connections = ", options.postgres_connections,
                                   "\npostgres-queue-wait-ms = ", options.postgres_queue_wait_ms,
                                   "\npostgres-patch-bytes = ", options.postgres_patch_bytes, "\n");
  if (!options.layout.empty()) absl::StrAppend(&lines, "layout = ", TomlString(options.layout), "\n");
  if (!options.allowed_roles.empty()) {
    absl::StrAppend(&lines, "allowed-roles = ", TomlString(options.allowed_roles), "\n");
  }
  for (const BackendChoice choice : kPostgresProfiles) {
    const PostgresProfile& profile = options.postgres.at(choice);
    if (!profile.configured()) continue;
    for (const Member& member : Members()) {
      std::string value = profile.*member.value;
      if (value.empty()) continue;
      const std::string name = absl::StrCat(NameOf(choice), "-", member.name);
      if (member.value == &PostgresProfile::password) value = "***";
      if (member.value == &PostgresProfile::url) value = MaskPassword(value);
      absl::StrAppend(&lines, name, " = ", TomlString(value), "\n");
    }
  }
  return lines;
}

}  // namespace authstate::profiles
