#include "server/options.h"

#include <CLI/CLI.hpp>
#include <cstddef>
#include <map>
#include <regex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "contract/version.h"
#include "server/exit_code.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kEnvironmentPrefix = "AUTHSTATE_";
constexpr absl::string_view kFooter = R"(
Every option is also an environment variable (AUTHSTATE_SQLITE_PATH for --sqlite-path) and an entry of the --config
file (sqlite-path = "..."). Flags win over the environment, which wins over the file.

Exit codes: 0 stopped cleanly, 2 bad option, 3 address not available, 4 store cannot be opened, 5 database away,
6 unknown schema, 1 anything else.

Examples:
  authstated --sqlite-path /var/lib/authstate/authstate.db
  authstated --backend postgres --postgres-url postgresql://authstate@db.example/authstate
)";

const std::map<std::string, BackendKind> kBackends = {{"sqlite", BackendKind::kSqlite},
                                                      {"postgres", BackendKind::kPostgres}};
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

std::string EnvironmentName(absl::string_view option) {
  return absl::StrCat(kEnvironmentPrefix, absl::AsciiStrToUpper(absl::StrReplaceAll(option, {{"-", "_"}})));
}

// Options as the parser fills them in: durations as milliseconds.
struct Parsed {
  Options options;
  std::int64_t default_deadline_ms = absl::ToInt64Milliseconds(options.default_deadline);
  std::int64_t drain_timeout_ms = absl::ToInt64Milliseconds(options.drain_timeout);
  std::int64_t health_interval_ms = absl::ToInt64Milliseconds(options.health_interval);
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
      ->check(CLI::IsMember(choices))
      ->default_str(NameOf(names, *value));
}

void Declare(CLI::App* app, Parsed* parsed) {
  constexpr std::int64_t kMaxMilliseconds = 3'600'000;
  constexpr int kMaxConnections = 1000;
  Options& options = parsed->options;
  app->option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app->add_option("--listen", options.listen, "Address and port to serve on; port 0 picks a free one");
  AddChoice(app, "--backend", &options.backend, kBackends, "Where the state is kept");
  app->add_option("--sqlite-path", options.sqlite_path, "File of the sqlite backend; made when it is not there");
  app->add_option(
      "--postgres-url", options.postgres_url,
      "Database of the postgres backend: postgresql://user:password@host:port/database or a conninfo string");
  app->add_option("--postgres-connections", options.postgres_connections, "Connections kept to PostgreSQL")
      ->check(CLI::Range(1, kMaxConnections));
  app->add_flag("--migrate", options.migrate, "Bring an older schema up to date before serving");
  app->add_flag("--deny-steal", options.deny_steal, "Refuse to take a live lease from its owner, whoever asks");
  AddChoice(app, "--log-level", &options.log_level, kLogLevels, "Least level that is logged");
  AddChoice(app, "--log-format", &options.log_format, kLogFormats, "json for machines, text for people");
  app->add_option("--default-deadline-ms", parsed->default_deadline_ms, "Deadline of a request that sets none")
      ->check(CLI::Range(std::int64_t{1}, kMaxMilliseconds));
  app->add_option("--drain-timeout-ms", parsed->drain_timeout_ms, "How long a stop waits for requests under way")
      ->check(CLI::Range(std::int64_t{0}, kMaxMilliseconds));
  app->add_option("--health-interval-ms", parsed->health_interval_ms, "How often the backend's health is asked")
      ->check(CLI::Range(std::int64_t{1}, kMaxMilliseconds));
  app->set_config("--config", "", "TOML file with options");
  app->allow_config_extras(CLI::config_extras_mode::error);
  app->add_flag("--print-config", parsed->print_config, "Print the options in force, without secrets, and exit")
      ->configurable(false);
  app->set_version_flag("--version", absl::StrCat("authstated ", kVersion))->configurable(false);
  app->footer(std::string(kFooter));
}

// The environment as flags that come before the real ones, which therefore win; both win over the file, which only
// fills in what no flag gave. (CLI11's own handling of the environment would let the file win.)
std::vector<std::string> WithEnvironment(const CLI::App& app, const std::vector<std::string>& arguments,
                                         const std::vector<std::string>& environment) {
  std::map<std::string, std::string> values;
  for (const std::string& entry : environment) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    if (!pair.second.empty()) values.insert(pair);
  }
  std::vector<std::string> all;
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string>& names = option->get_lnames();
    if (names.empty() || names[0] == "help" || names[0] == "version" || names[0] == "print-config") continue;
    const auto value = values.find(EnvironmentName(names[0]));
    if (value != values.end()) all.push_back(absl::StrCat("--", names[0], "=", value->second));
  }
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string PrintConfig(const Parsed& parsed) {
  const Options& options = parsed.options;
  return absl::StrCat("listen = ", Quoted(options.listen),                                 //
                      "\nbackend = ", Quoted(NameOf(kBackends, options.backend)),          //
                      "\nsqlite-path = ", Quoted(options.sqlite_path),                     //
                      "\npostgres-url = ", Quoted(MaskPassword(options.postgres_url)),     //
                      "\npostgres-connections = ", options.postgres_connections,           //
                      "\nmigrate = ", options.migrate ? "true" : "false",                  //
                      "\ndeny-steal = ", options.deny_steal ? "true" : "false",            //
                      "\nlog-level = ", Quoted(NameOf(kLogLevels, options.log_level)),     //
                      "\nlog-format = ", Quoted(NameOf(kLogFormats, options.log_format)),  //
                      "\ndefault-deadline-ms = ", parsed.default_deadline_ms,              //
                      "\ndrain-timeout-ms = ", parsed.drain_timeout_ms,                    //
                      "\nhealth-interval-ms = ", parsed.health_interval_ms, "\n");
}

PrintAndExit UsageError(absl::string_view what) {
  std::string line = absl::StrReplaceAll(absl::StripAsciiWhitespace(what), {{"\n", " "}});
  return {absl::StrCat("authstated: ", line, "\n"), kExitUsage};
}

}  // namespace

std::string MaskPassword(absl::string_view url) {
  std::string masked(url);
  const std::size_t scheme = masked.find("://");
  if (scheme != std::string::npos) {
    const std::size_t user = scheme + 3;
    const std::size_t colon = masked.find(':', user);
    const std::size_t at = masked.rfind('@');
    if (colon != std::string::npos && at != std::string::npos && colon < at) {
      masked.replace(colon + 1, at - colon - 1, "***");
    }
  }
  static const std::regex* const kPasswordParameter =
      new std::regex(R"re((password\s*=\s*)('(?:[^'\\]|\\.)*'|(?:[^\s&'\\]|\\.)*))re", std::regex::icase);
  return std::regex_replace(masked, *kPasswordParameter, "$1***");
}

std::variant<Options, PrintAndExit> ParseOptions(const std::vector<std::string>& arguments,
                                                 const std::vector<std::string>& environment) {
  CLI::App app("authstated keeps the WhatsApp authentication state of Baileys sessions and serves it over gRPC.",
               "authstated");
  Parsed parsed;
  Declare(&app, &parsed);
  std::vector<std::string> all = WithEnvironment(app, arguments, environment);
  std::reverse(all.begin(), all.end());  // CLI11 takes a vector from its back
  try {
    app.parse(std::move(all));
  } catch (const CLI::CallForHelp&) {
    return PrintAndExit{app.help(), kExitOk};
  } catch (const CLI::CallForVersion&) {
    return PrintAndExit{absl::StrCat("authstated ", kVersion, "\n"), kExitOk};
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what());
  }

  Options& options = parsed.options;
  options.default_deadline = absl::Milliseconds(parsed.default_deadline_ms);
  options.drain_timeout = absl::Milliseconds(parsed.drain_timeout_ms);
  options.health_interval = absl::Milliseconds(parsed.health_interval_ms);
  if (parsed.print_config) return PrintAndExit{PrintConfig(parsed), kExitOk};
  if (options.backend == BackendKind::kPostgres && options.postgres_url.empty()) {
    return UsageError("--postgres-url is required with --backend postgres");
  }
  return options;
}

}  // namespace authstate::server
