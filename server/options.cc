#include "server/options.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "contract/version.h"
#include "profiles/command.h"
#include "profiles/secrets.h"
#include "server/exit_code.h"

namespace authstate::server {
namespace {

using profiles::Choice;
using profiles::Duration;
using profiles::Flag;
using profiles::Milliseconds;
using profiles::Number;
using profiles::Option;
using profiles::Text;

constexpr absl::string_view kExitCodesAndExamples = R"(

Exit codes: 0 stopped cleanly, 2 bad option, 3 address not available, 4 store cannot be opened, 5 database away,
6 unknown schema, 7 database refused (password, role, database name, TLS), 8 TLS certificate, key or client CA cannot be
used, 9 open to other machines while nobody has been given rights, 10 the keyring cannot be read or is not the store's,
11 audit log cannot be written, 1 anything else.

Examples:
  authstated --sqlite-path /var/lib/authstate/authstate.db
  authstated --backend timeweb --timeweb-host db.example --timeweb-database authstate --timeweb-user authstate \
             --timeweb-password-file /etc/authstate/password --timeweb-ca-file /etc/authstate/timeweb.pem
)";

const std::vector<std::pair<std::string, LogLevel>> kLogLevels = {
    {"debug", LogLevel::kDebug}, {"error", LogLevel::kError}, {"info", LogLevel::kInfo}, {"warn", LogLevel::kWarn}};
const std::vector<std::pair<std::string, LogFormat>> kLogFormats = {{"json", LogFormat::kJson},
                                                                    {"text", LogFormat::kText}};
const std::vector<std::pair<std::string, AuditMode>> kAuditModes = {
    {"off", AuditMode::kOff}, {"on", AuditMode::kOn}, {"required", AuditMode::kRequired}};
constexpr std::uint64_t kMaxPipeStreams = 65'536;
constexpr std::size_t kMaxAdvertiseBytes = 80;
constexpr std::uint64_t kMaxOfACaller = 1'000'000;
constexpr std::uint64_t kMaxMilliseconds = 3'600'000;
// What gRPC can count in milliseconds is a little more.
constexpr absl::Duration kMaxConnectionAge = absl::Hours(24 * 20);

// Each option's one declaration.
std::vector<Option> Declare(Options* options, bool* no_create, bool* print_config) {
  std::vector<Option> declared = {
      Text("--listen", &options->listen, "Address and port to serve on; port 0 picks a free one"),
      Text("--http-listen", &options->http_listen,
           "Address and port of metrics and health over HTTP; where the default is taken, there are none; off: none"),
      Text("--backup-metrics", &options->backup_metrics,
           "Files of authstatectl backup --metrics-file, divided by commas, whose figures status and metrics show"),
      Text("--tls-certificate", &options->tls.certificate,
           "PEM file with the server's certificate, and those between it and its authority: serves TLS alone"),
      Text("--tls-key", &options->tls.key, "PEM file with the key of that certificate"),
      Text("--tls-client-ca", &options->tls.client_ca,
           "PEM file with authorities; every client has to show a certificate of one of them"),
      Flag("--allow-insecure", &options->allow_insecure,
           "Serve without TLS, and without tokens, also on an address that others than this machine may reach"),
      Duration("--max-connection-age", &options->max_connection_age, absl::ZeroDuration(), kMaxConnectionAge,
               "When clients are asked to make a new connection; 0: never")};
  for (Option& option : profiles::DeclareDatabaseOptions(&options->databases)) declared.push_back(std::move(option));
  Option keyring = Text("--keyring-file", &options->keyring.file,
                        "File with the keys under which new sessions are encrypted; made by authstatectl keyring init");
  keyring.excludes = "--keyring-command";
  declared.push_back(std::move(keyring));
  declared.push_back(profiles::Masked(
      Text("--keyring-command", &options->keyring.command, "Command of the shell that prints such a file"),
      profiles::MaskAll));
  declared.push_back(
      Flag("--hide-key-ids", &options->hide_key_ids,
           "Have a new store keep keyed hashes in the place of key ids, which hold phone numbers; needs a "
           "keyring. A store that does so goes on without this"));
  const std::vector<Option> rest = {
      Flag("--no-create", no_create,
           "Refuse an SQLite file that is not there or holds nothing yet, in place of making a new, empty store"),
      Text("--copy-folder", &options->copy_folder,
           "Folder, by its absolute path, in which authstatectl store copy may make copies of an SQLite store"),
      Flag("--migrate", &options->migrate, "Bring an older schema up to date before serving"),
      Flag("--allow-exposed-tables", &options->allow_exposed_tables,
           "Serve tables on which other roles of PostgreSQL have rights, with a warning"),
      Flag("--deny-steal", &options->deny_steal, "Refuse to take a live lease from its owner, whoever asks"),
      profiles::WholeNumber(
          "--batches", 0, 64,
          "Calls of a kind that a store has under way, each for all who wait; 0 gives every caller of PostgreSQL "
          "its own [half of --postgres-connections]",
          [options](std::uint64_t number) { options->batches = static_cast<int>(number); },
          [options] { return static_cast<std::uint64_t>(BatchesOf(*options)); }),
      Number("--cache-bytes", &options->cache_bytes, 0, profiles::kMaxMemoryBytes,
             "Memory for answering reads of an SQLite store; 0 turns that off"),
      Text("--write-behind", &options->write_behind,
           "SQLite file that acknowledges before PostgreSQL has it, which follows; empty: PostgreSQL does"),
      Number("--write-behind-max-bytes", &options->write_behind_max_bytes, 1, profiles::kMaxMemoryBytes,
             "What may be written and not be in PostgreSQL yet; then commits wait, and fail"),
      Duration("--write-behind-max-age", &options->write_behind_max_age, absl::Seconds(1), absl::Hours(24 * 365),
               "Since when something may be written and not be in PostgreSQL yet"),
      Text("--advertise", &options->advertise,
           "host:port of this server for others: told to who asks elsewhere for a session at home here"),
      Number("--max-calls-per-caller", &options->max_calls_per_caller, 0, kMaxOfACaller,
             "Calls and streams under way at once for one token or certificate; 0: no bound"),
      Number("--max-rate-per-caller", &options->max_rate_per_caller, 0, kMaxOfACaller,
             "Calls and operations of pipes a second for one token or certificate; 0: no bound"),
      Number("--max-pipe-streams", &options->max_pipe_streams, 1, kMaxPipeStreams,
             "Streams of Pipe open at once, one for each process with pools; more are refused"),
      Choice("--log-level", &options->log_level, kLogLevels, "Least level that is logged"),
      Choice("--log-format", &options->log_format, kLogFormats, "json for machines, text for people"),
      Choice("--audit", &options->audit, kAuditModes, "Record who did what; required: refuse what cannot be recorded"),
      Text("--audit-file", &options->audit_file, "File for these records, a JSON object a line; -: standard output"),
      Milliseconds("--default-deadline-ms", &options->default_deadline, 1, kMaxMilliseconds,
                   "Deadline of a request that sets none"),
      Milliseconds("--drain-timeout-ms", &options->drain_timeout, 0, kMaxMilliseconds,
                   "How long a stop waits for requests under way"),
      Milliseconds("--health-interval-ms", &options->health_interval, 1, kMaxMilliseconds,
                   "How often the backend's health is asked")};
  declared.insert(declared.end(), rest.begin(), rest.end());
  Option print = Flag("--print-config", print_config, "Print the options in force, without secrets, and exit");
  print.layered = false;
  declared.push_back(std::move(print));
  return declared;
}

// Where no option names a keyring: what systemd hands over, or else what the environment has.
void FindKeyring(const std::vector<std::string>& environment, KeyringSource* source) {
  if (source->given()) return;
  for (const std::string& entry : environment) {
    absl::string_view value = entry;
    if (absl::ConsumePrefix(&value, absl::StrCat(kKeyringVariable, "="))) source->text = std::string(value);
    if (!absl::ConsumePrefix(&value, "CREDENTIALS_DIRECTORY=")) continue;
    std::string credential = absl::StrCat(value, "/authstate.keyring");
    if (access(credential.c_str(), F_OK) == 0) source->file = std::move(credential);
  }
}

PrintAndExit UsageError(absl::string_view what) {
  std::string line = absl::StrReplaceAll(absl::StripAsciiWhitespace(what), {{"\n", " "}});
  return {absl::StrCat("authstated: ", line, "\n"), kExitUsage};
}

}  // namespace

int BatchesOf(const Options& options) {
  return options.batches.value_or(profiles::ConnectionsForCalls(options.databases));
}

std::variant<Options, PrintAndExit> ParseOptions(const std::vector<std::string>& arguments,
                                                 const std::vector<std::string>& environment) {
  Options options;
  bool no_create = false;
  bool print_config = false;
  profiles::Command program;
  program.name = "authstated";
  program.help = "authstated keeps the WhatsApp authentication state of Baileys sessions and serves it over gRPC.";
  program.options = Declare(&options, &no_create, &print_config);
  program.footer = absl::StrCat("\n", profiles::kPrecedenceHelp, kExitCodesAndExamples);
  program.last_value_wins = true;
  const profiles::Layers layers{environment, /*foreign_entries=*/false, &options.config_path};
  const auto text = profiles::Parse(program, arguments, absl::StrCat("authstated ", kVersion), &layers);
  if (!text.ok()) return UsageError(text.status().message());
  if (!text->empty()) return PrintAndExit{*text, kExitOk};
  options.create = !no_create;
  FindKeyring(environment, &options.keyring);
  options.service_manager = ReadServiceManager(environment);
  if (print_config) return PrintAndExit{profiles::PrintConfig(program), kExitOk};
  if (options.tls.certificate.empty() != options.tls.key.empty()) {
    return UsageError("--tls-certificate and --tls-key are needed together");
  }
  if (options.tls.certificate.empty() && !options.tls.client_ca.empty()) {
    return UsageError("--tls-client-ca needs --tls-certificate and --tls-key");
  }
  if (options.databases.backend == profiles::BackendChoice::kSqlite && !options.write_behind.empty()) {
    return UsageError("--write-behind stands before PostgreSQL; --backend is sqlite, which is as near itself");
  }
  if (!options.copy_folder.empty() && options.copy_folder.front() != '/') {
    return UsageError("--copy-folder: not an absolute path");
  }
  // An owner's name holds it, with the id of the file (contract/limits.h).
  if (options.advertise.size() > kMaxAdvertiseBytes ||
      !std::all_of(options.advertise.begin(), options.advertise.end(), absl::ascii_isgraph)) {
    return UsageError(absl::StrCat("--advertise: not host:port of at most ", kMaxAdvertiseBytes, " characters"));
  }
  if (options.databases.backend != profiles::BackendChoice::kSqlite) {
    const auto target = profiles::ResolveTarget(options.databases, options.databases.backend);
    if (!target.ok()) return UsageError(target.status().message());
  }
  return options;
}

}  // namespace authstate::server
