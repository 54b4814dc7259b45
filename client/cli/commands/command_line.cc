#include "client/cli/commands/command_line.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/address.h"
#include "client/cli/command_context.h"
#include "client/cli/commands/commands.h"
#include "client/cli/completion.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/text.h"
#include "client/cpp/error.h"
#include "contract/version.h"
#include "profiles/secrets.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kExamples = R"(Examples:
  authstatectl session list
  authstatectl session import sales ./baileys_auth_info
  authstatectl session export sales ./backup
  authstatectl backup create /var/backups/authstate --keyring-file /etc/authstate/backup.keyring
  authstatectl creds get sales --json
  authstatectl keys get sales pre-key 5 6
  authstatectl backend status --probe
  authstatectl backend switch timeweb
  authstatectl --address db-1:50051 server info
  authstatectl top
  authstatectl token create --label "pool 1" --read --write --prefix team: --expires-in 90d
  authstatectl schema status --config /etc/authstate/authstated.toml
  source <(authstatectl completion bash)

)";

// How long the completion of a word may keep a shell waiting.
constexpr absl::Duration kCompletionTimeout = absl::Seconds(1);

constexpr absl::Duration kMaxTimeout = absl::Hours(24 * 365);

// The whole command line. `options` and `action` outlive it.
Command TheProgram(GlobalOptions* options, Action* action) {
  Option address = profiles::Custom(
      "--address", "The server: host:port, or unix:PATH",
      [options](const std::string& text) {
        const absl::Status checked = CheckAddress(text);
        if (checked.ok()) options->address = text;
        return std::string(checked.message());
      },
      [options] { return options->address; });
  address.variable = kAddressVariable;
  Command program = Group(
      "authstatectl", "Looks into an authstated, and moves sessions in and out",
      {SessionCommands(action),      CredsCommands(action),  KeysCommands(action),        LeaseCommands(action),
       ServerCommands(action),       TopCommand(action),     TokenCommands(action),       KeyringCommands(action),
       SchemaCommands(action),       StoreCommands(action),  TablesCommands(action),      CutoverCommands(action),
       DecommissionCommands(action), BackupCommands(action), LegacyCommands(action),      BackendCommands(action),
       MaintenanceCommands(action),  HomeCommands(action),   WriteBehindCommands(action), CompletionCommand(action)});
  const auto inherited = [](const char* name, const char* variable, std::string* value, const char* needs,
                            const char* help) {
    Option option = profiles::Text(name, value, help);
    option.variable = variable;
    option.needs = needs;
    return option;
  };
  program.options = {
      std::move(address),
      inherited(
          "--ca", "AUTHSTATE_CA", &options->tls_files.authorities, "",
          "Speak TLS, with a server whose certificate is of an authority in this PEM file, or of the system's: system"),
      inherited("--cert", "AUTHSTATE_CERT", &options->tls_files.certificate, "--ca",
                "PEM file with the certificate to show, for a server that wants one"),
      inherited("--key", "AUTHSTATE_KEY", &options->tls_files.key, "--cert",
                "PEM file with the key of that certificate"),
      inherited("--server-name", "AUTHSTATE_SERVER_NAME", &options->server_name, "--ca",
                "The name in the server's certificate, where it is not the host of the address"),
      Masked(inherited(profiles::kTokenOption, "AUTHSTATE_TOKEN", &options->token, "",
                       "The token to show; a file is the better place for it, as other programs see the command line"),
             profiles::MaskAll),
      inherited(kTokenFileOption, "AUTHSTATE_TOKEN_FILE", &options->token_file, "",
                "File whose first line is the token to show"),
      Flag("--insecure", &options->insecure_token,
           "Show the token also without TLS to another machine, where the network is secure itself"),
      profiles::Duration("--timeout", &options->timeout, absl::Milliseconds(1), kMaxTimeout,
                         "How long to wait for an answer, retries included"),
      Flag("--json", &options->json, "Print results as JSON, and errors as a JSON object on standard error")};
  program.footer = absl::StrCat(kExamples, kExitCodeHelp);
  return program;
}

// The ids that the server knows, in silence when it does not answer.
std::vector<std::string> SessionIds(const GlobalOptions& options, const std::string& prefix) {
  CommandContext context(options);
  std::vector<std::string> ids;
  (void)context.client().ListSessions({prefix}, [&ids](client::SessionSummary session) {
    ids.push_back(std::move(session.session_id));
    return absl::OkStatus();
  });
  return ids;
}

ExitCode Print(absl::string_view text) {
  Output output(/*json=*/false);
  absl::Status status = output.Write(text);
  if (status.ok()) status = output.Flush();
  return ToExitCode(status);
}

ExitCode RunComplete(const std::vector<std::string>& words) {
  GlobalOptions options;
  Action unused;
  const Command program = TheProgram(&options, &unused);
  for (const Option& option : program.options) {
    if (option.variable.empty()) continue;
    const char* const inherited = std::getenv(option.variable.c_str());
    const std::string value = OptionInLine(words, option.names).value_or(inherited == nullptr ? "" : inherited);
    if (!value.empty()) (void)option.set(value);
  }
  (void)ReadTlsOptions(&options);
  ChooseToken(words, &options);
  options.timeout = kCompletionTimeout;
  return Print(
      ToLines(Complete(program, words, [&options](const std::string& prefix) { return SessionIds(options, prefix); })));
}

// Names the server in an error that came from nowhere, and what to look at.
absl::Status WithAddress(const absl::Status& status, const CommandContext& context) {
  const bool answered = client::ReasonOf(status).has_value();
  if (answered || (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status))) return status;
  const std::string& address = context.options().address;
  if (!context.host_exists().ok()) {
    return WithMessage(status, absl::StrCat(context.host_exists().message(), ": look at --address or ",
                                            kAddressVariable, ", which is ", address));
  }
  // All that a server with TLS does of what is not.
  const bool closed = absl::StrContains(status.message(), "Socket closed") && !context.options().tls.has_value();
  return WithMessage(status,
                     absl::StrCat("no answer from ", address, " (", status.message(),
                                  closed ? ": does it want TLS, that is --ca?" : "",
                                  "): does authstated run and listen there, and is that the right --address or ",
                                  kAddressVariable, "?"));
}

// Says how a token is given, where that is what the server asks for.
absl::Status WithToken(const absl::Status& status) {
  if (client::ReasonOf(status) != "NO_TOKEN") return status;
  return WithMessage(status, absl::StrCat(status.message(), ": give --token-file, or AUTHSTATE_TOKEN_FILE"));
}

ExitCode Run(CommandContext& context, const Action& action) {
  absl::Status status = action(context);
  // What was found is printed also when something else was not.
  const absl::Status flushed = context.output().Flush();
  if (status.ok()) status = flushed;
  if (context.output().reader_gone()) return ExitCode::kReaderGone;
  // A command that asked no server has no address to name.
  if (!status.ok() && context.asked_server()) status = WithToken(WithAddress(status, context));
  if (!status.ok()) PrintError(status, context.output().json());
  return ToExitCode(status);
}

ExitCode WrongUsage(absl::string_view what, bool json) {
  PrintError(absl::InvalidArgumentError(absl::StrCat(what, "; see authstatectl --help")), json);
  return ExitCode::kUsage;
}

}  // namespace

ExitCode RunCommandLine(const std::vector<std::string>& words) {
  // Not a command of the parser: the words are those of a line that is not finished.
  if (!words.empty() && words.front() == kCompleteCommand) return RunComplete({words.begin() + 1, words.end()});

  GlobalOptions options;
  Action action;
  const Command program = TheProgram(&options, &action);
  const absl::StatusOr<std::string> text = profiles::Parse(program, words, absl::StrCat("authstatectl ", kVersion));
  if (!text.ok()) return WrongUsage(Printable(text.status().message()), options.json);
  if (!text->empty()) return Print(*text);
  if (!action) return WrongUsage("a command is missing", options.json);
  if (const absl::Status read = ReadTlsOptions(&options); !read.ok()) return WrongUsage(read.message(), options.json);
  ChooseToken(words, &options);
  CommandContext context(std::move(options));
  return Run(context, action);
}

}  // namespace authstate::cli
