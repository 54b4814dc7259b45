#include "client/cli/command_line.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/address.h"
#include "client/cli/command_context.h"
#include "client/cli/commands/commands.h"
#include "client/cli/completion.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/cpp/error.h"
#include "contract/version.h"
#include "profiles/option_checks.h"

namespace authstate::cli {
namespace {

constexpr char kAddressVariable[] = "AUTHSTATE_ADDRESS";

constexpr absl::string_view kExamples = R"(Examples:
  authstatectl session list
  authstatectl session import sales ./baileys_auth_info
  authstatectl session export sales ./backup
  authstatectl creds get sales --json
  authstatectl keys get sales pre-key 5 6
  authstatectl backend status --probe
  authstatectl backend switch timeweb
  authstatectl --address db-1:50051 server info
  authstatectl schema status --config /etc/authstate/authstated.toml
  source <(authstatectl completion bash)

)";

// How long the completion of a word may keep a shell waiting.
constexpr absl::Duration kCompletionTimeout = absl::Seconds(1);

std::string ParseTimeout(const std::string& text, absl::Duration* timeout) {
  const bool valid = absl::ParseDuration(text, timeout) && *timeout > absl::ZeroDuration();
  return valid && *timeout < absl::InfiniteDuration() ? "" : "a duration such as 30s or 500ms is expected";
}

// The whole command line. `options` and `action` outlive it.
std::unique_ptr<CLI::App> BuildApp(GlobalOptions* options, Action* action) {
  auto app = std::make_unique<CLI::App>("Looks into an authstated, and moves sessions in and out", "authstatectl");
  app->set_version_flag("--version", absl::StrCat("authstatectl ", kVersion), "Print the version and exit");
  // Checked here and not by a validator: CLI11 2.4 takes a value of the environment that one refuses for none.
  app->add_option_function<std::string>(
         "--address",
         [options](const std::string& address) {
           const absl::Status checked = CheckAddress(address);
           if (!checked.ok()) throw CLI::ValidationError("--address", std::string(checked.message()));
           options->address = address;
         },
         "The server: host:port, or unix:PATH")
      ->envname(kAddressVariable)
      ->default_str(options->address);
  app->add_option_function<std::string>(
         "--timeout", [options](const std::string& text) { (void)ParseTimeout(text, &options->timeout); },
         "How long to wait for an answer, retries included")
      ->check([](const std::string& text) {
        absl::Duration ignored;
        return ParseTimeout(text, &ignored);
      })
      ->default_str(absl::FormatDuration(kDefaultTimeout));
  app->add_flag("--json", options->json, "Print results as JSON, and errors as a JSON object on standard error");
  app->footer(absl::StrCat(kExamples, kExitCodeHelp));
  app->fallthrough();
  AddSessionCommands(*app, action);
  AddCredsCommands(*app, action);
  AddKeysCommands(*app, action);
  AddLeaseCommands(*app, action);
  AddServerCommands(*app, action);
  AddSchemaCommands(*app, action);
  AddStoreCommands(*app, action);
  AddLegacyCommands(*app, action);
  AddBackendCommands(*app, action);
  AddCompletionCommand(*app, action);
  return app;
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

ExitCode RunComplete(const std::vector<std::string>& words) {
  GlobalOptions options;
  Action unused;
  const std::unique_ptr<CLI::App> app = BuildApp(&options, &unused);
  if (const char* const address = std::getenv(kAddressVariable)) options.address = address;
  options.address = OptionInLine(words, "--address").value_or(options.address);
  options.timeout = kCompletionTimeout;
  const Completions completions =
      Complete(*app, words, [&options](const std::string& prefix) { return SessionIds(options, prefix); });
  Output output(/*json=*/false);
  absl::Status status = output.Write(ToLines(completions));
  if (status.ok()) status = output.Flush();
  return ToExitCode(status);
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
  return WithMessage(status,
                     absl::StrCat("no answer from ", address, " (", status.message(),
                                  "): does authstated run and listen there, and is that the right --address or ",
                                  kAddressVariable, "?"));
}

ExitCode Run(CommandContext& context, const Action& action) {
  absl::Status status = action(context);
  // What was found is printed also when something else was not.
  const absl::Status flushed = context.output().Flush();
  if (status.ok()) status = flushed;
  if (context.output().reader_gone()) return ExitCode::kReaderGone;
  // A command that asked no server has no address to name.
  if (!status.ok() && context.asked_server()) status = WithAddress(status, context);
  if (!status.ok()) PrintError(status, context.output().json());
  return ToExitCode(status);
}

// The words in the place of a command and its subcommand, which are no values.
std::vector<std::string> CommandWords(const std::vector<std::string>& words) {
  constexpr std::ptrdiff_t kDepth = 2;
  const auto option =
      std::find_if(words.begin(), words.end(), [](absl::string_view word) { return absl::StartsWith(word, "-"); });
  return {words.begin(), words.begin() + std::min(kDepth, option - words.begin())};
}

ExitCode WrongUsage(absl::string_view what, bool json) {
  PrintError(absl::InvalidArgumentError(absl::StrCat(what, "; see authstatectl --help")), json);
  return ExitCode::kUsage;
}

}  // namespace

ExitCode RunCommandLine(int argc, const char* const* argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  // Not a command of the parser: the words are those of a line that is not finished.
  if (!words.empty() && words.front() == kCompleteCommand) return RunComplete({words.begin() + 1, words.end()});

  GlobalOptions options;
  Action action;
  const std::unique_ptr<CLI::App> app = BuildApp(&options, &action);
  try {
    app->parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app->exit(help) == 0 ? ExitCode::kOk : ExitCode::kFailure;
  } catch (const CLI::ParseError& error) {
    return WrongUsage(Printable(profiles::UsageProblem(*app, error, CommandWords(words))), options.json);
  }
  if (!action) return WrongUsage("a command is missing", options.json);
  CommandContext context(std::move(options));
  return Run(context, action);
}

}  // namespace authstate::cli
