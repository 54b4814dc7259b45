#include "server/options.h"

#include <CLI/CLI.hpp>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "contract/version.h"
#include "profiles/layered_options.h"
#include "profiles/option_checks.h"
#include "server/exit_code.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kExitCodesAndExamples = R"(

Exit codes: 0 stopped cleanly, 2 bad option, 3 address not available, 4 store cannot be opened, 5 database away,
6 unknown schema, 7 database refused (password, role, database name, TLS), 1 anything else.

Examples:
  authstated --sqlite-path /var/lib/authstate/authstate.db
  authstated --backend timeweb --timeweb-host db.example --timeweb-database authstate --timeweb-user authstate \
             --timeweb-password-file /etc/authstate/password --timeweb-ca-file /etc/authstate/timeweb.pem
)";

const std::map<std::string, LogLevel> kLogLevels = {
    {"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo}, {"warn", LogLevel::kWarn}, {"error", LogLevel::kError}};
const std::map<std::string, LogFormat> kLogFormats = {{"json", LogFormat::kJson}, {"text", LogFormat::kText}};

template <typename Enum>
std::string NameOf(const std::map<std::string, Enum>& names, Enum value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  return "";
}

// Options as the parser fills them in: durations as milliseconds.
struct Parsed {
  Options options;
  std::int64_t default_deadline_ms = absl::ToInt64Milliseconds(options.default_deadline);
  std::int64_t drain_timeout_ms = absl::ToInt64Milliseconds(options.drain_timeout);
  std::int64_t health_interval_ms = absl::ToInt64Milliseconds(options.health_interval);
  bool no_create = false;
  bool print_config = false;
};

template <typename Enum>
void AddChoice(CLI::App* app, const std::string& name, Enum* value, const std::map<std::string, Enum>& names,
               const std::string& description) {
  std::vector<std::string> choices;
  choices.reserve(names.size());
  for (const auto& entry : names) choices.push_back(entry.first);
  app->add_option_function<std::string>(
         name, [value, &names](const std::string& choice) { *value = names.at(choice); }, description)
      ->check(profiles::OneOf(choices))
      ->default_str(NameOf(names, *value));
}

void Declare(CLI::App* app, Parsed* parsed) {
  constexpr std::uint64_t kMaxMilliseconds = 3'600'000;
  constexpr std::uint64_t kMaxPipeStreams = 65'536;
  Options& options = parsed->options;
  app->option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app->add_option("--listen", options.listen, "Address and port to serve on; port 0 picks a free one");
  profiles::DeclareDatabaseOptions(app, &options.databases);
  app->add_flag("--no-create", parsed->no_create,
                "Refuse an SQLite file that is not there or holds nothing yet, in place of making a new, empty store");
  app->add_flag("--migrate", options.migrate, "Bring an older schema up to date before serving");
  app->add_flag("--allow-exposed-tables", options.allow_exposed_tables,
                "Serve tables on which other roles of PostgreSQL have rights, with a warning");
  app->add_flag("--deny-steal", options.deny_steal, "Refuse to take a live lease from its owner, whoever asks");
  app->add_option(
         "--batches", options.batches,
         "Calls of a kind that a store has under way, each for all who wait; 0 gives every caller of PostgreSQL "
         "its own [half of --postgres-connections]")
      ->check(profiles::NumberBetween(0, 64));
  app->add_option("--cache-bytes", options.cache_bytes,
                  "Memory for answering reads of an SQLite store; 0 turns that off")
      ->check(profiles::NumberBetween(0, profiles::kMaxMemoryBytes));
  app->add_option("--max-pipe-streams", options.max_pipe_streams,
                  "Streams of Pipe open at once, one for each process with pools; more are refused")
      ->check(profiles::NumberBetween(1, kMaxPipeStreams));
  AddChoice(app, "--log-level", &options.log_level, kLogLevels, "Least level that is logged");
  AddChoice(app, "--log-format", &options.log_format, kLogFormats, "json for machines, text for people");
  app->add_option("--default-deadline-ms", parsed->default_deadline_ms, "Deadline of a request that sets none")
      ->check(profiles::NumberBetween(1, kMaxMilliseconds));
  app->add_option("--drain-timeout-ms", parsed->drain_timeout_ms, "How long a stop waits for requests under way")
      ->check(profiles::NumberBetween(0, kMaxMilliseconds));
  app->add_option("--health-interval-ms", parsed->health_interval_ms, "How often the backend's health is asked")
      ->check(profiles::NumberBetween(1, kMaxMilliseconds));
  app->set_config("--config", "", "TOML file with options");
  app->allow_config_extras(CLI::config_extras_mode::error);
  app->add_flag("--print-config", parsed->print_config, "Print the options in force, without secrets, and exit")
      ->configurable(false);
  app->set_version_flag("--version", absl::StrCat("authstated ", kVersion))->configurable(false);
  app->footer(absl::StrCat("\n", profiles::kPrecedenceHelp, kExitCodesAndExamples));
}

std::string PrintConfig(const Parsed& parsed) {
  const Options& options = parsed.options;
  return absl::StrCat("listen = ", profiles::TomlString(options.listen), "\n",
                      profiles::PrintDatabaseOptions(options.databases),
                      "no-create = ", parsed.no_create ? "true" : "false",                                         //
                      "\nmigrate = ", options.migrate ? "true" : "false",                                          //
                      "\nallow-exposed-tables = ", options.allow_exposed_tables ? "true" : "false",                //
                      "\ndeny-steal = ", options.deny_steal ? "true" : "false",                                    //
                      "\nbatches = ", options.batches.value_or(profiles::ConnectionsForCalls(options.databases)),  //
                      "\ncache-bytes = ", options.cache_bytes,                                                     //
                      "\nmax-pipe-streams = ", options.max_pipe_streams,                                           //
                      "\nlog-level = ", profiles::TomlString(NameOf(kLogLevels, options.log_level)),               //
                      "\nlog-format = ", profiles::TomlString(NameOf(kLogFormats, options.log_format)),            //
                      "\ndefault-deadline-ms = ", parsed.default_deadline_ms,                                      //
                      "\ndrain-timeout-ms = ", parsed.drain_timeout_ms,                                            //
                      "\nhealth-interval-ms = ", parsed.health_interval_ms, "\n");
}

PrintAndExit UsageError(absl::string_view what) {
  std::string line = absl::StrReplaceAll(absl::StripAsciiWhitespace(what), {{"\n", " "}});
  return {absl::StrCat("authstated: ", line, "\n"), kExitUsage};
}

}  // namespace

std::variant<Options, PrintAndExit> ParseOptions(const std::vector<std::string>& arguments,
                                                 const std::vector<std::string>& environment) {
  CLI::App app("authstated keeps the WhatsApp authentication state of Baileys sessions and serves it over gRPC.",
               "authstated");
  Parsed parsed;
  Declare(&app, &parsed);
  try {
    profiles::ParseLayered(app, arguments, environment);
  } catch (const CLI::CallForHelp&) {
    return PrintAndExit{app.help(), kExitOk};
  } catch (const CLI::CallForVersion&) {
    return PrintAndExit{absl::StrCat("authstated ", kVersion, "\n"), kExitOk};
  } catch (const CLI::ParseError& error) {
    return UsageError(profiles::UsageProblem(app, error));
  }

  Options& options = parsed.options;
  if (app.get_config_ptr()->count() > 0) options.config_path = app.get_config_ptr()->as<std::string>();
  options.create = !parsed.no_create;
  options.default_deadline = absl::Milliseconds(parsed.default_deadline_ms);
  options.drain_timeout = absl::Milliseconds(parsed.drain_timeout_ms);
  options.health_interval = absl::Milliseconds(parsed.health_interval_ms);
  if (parsed.print_config) return PrintAndExit{PrintConfig(parsed), kExitOk};
  if (options.databases.backend != profiles::BackendChoice::kSqlite) {
    const auto target = profiles::ResolveTarget(options.databases, options.databases.backend);
    if (!target.ok()) return UsageError(target.status().message());
  }
  return options;
}

}  // namespace authstate::server
