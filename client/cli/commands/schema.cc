#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/text.h"
#include "migrations/open_schema.h"
#include "migrations/schema_change.h"
#include "profiles/database_options.h"
#include "profiles/layered_options.h"
#include "profiles/option_checks.h"
#include "profiles/readable_files.h"

namespace authstate::cli {
namespace {

constexpr absl::Duration kDefaultLockTimeout = absl::Seconds(30);

struct SchemaOptions {
  // Filled in for --help and completion alone: what counts is read from the flags below, the environment and the file.
  profiles::DatabaseOptions declared;
  std::string config;
  std::string lock_timeout = absl::FormatDuration(kDefaultLockTimeout);
  std::uint32_t to = 0;
  bool dry_run = false;
  bool yes = false;
};

using SharedOptions = std::shared_ptr<SchemaOptions>;

void Warn(const std::optional<std::string>& warning) {
  if (warning.has_value()) std::fprintf(stderr, "authstatectl: %s\n", warning->c_str());
}

// The options of the command line, those of the environment, and those of the file: as authstated reads them.
absl::StatusOr<profiles::DatabaseOptions> ReadOptions(const CLI::App& schema) {
  std::vector<std::string> arguments;
  for (const CLI::Option* option : schema.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) continue;
    arguments.push_back(absl::StrCat("--", option->get_lnames().front(), "=", option->results().back()));
  }
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);

  CLI::App app;
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  profiles::DatabaseOptions options;
  profiles::DeclareDatabaseOptions(&app, &options);
  app.set_config("--config");
  // The file is that of authstated and says more than is asked for here.
  app.allow_config_extras(CLI::config_extras_mode::ignore);
  try {
    profiles::ParseLayered(app, arguments, environment);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(profiles::UsageProblem(app, error));
  }
  if (app.get_config_ptr()->count() > 0) {
    Warn(profiles::WarningOfConfigReaders(app.get_config_ptr()->as<std::string>()));
  }
  return options;
}

absl::StatusOr<migrations::OpenedSchema> Open(const CLI::App& schema) {
  const absl::StatusOr<profiles::DatabaseOptions> options = ReadOptions(schema);
  if (!options.ok()) return options.status();
  absl::StatusOr<migrations::OpenedSchema> opened = migrations::OpenSchema(*options);
  if (!opened.ok()) return opened;
  for (const std::string& warning : opened->warnings) Warn(warning);
  return opened;
}

Json ToJson(const std::vector<storage::Migration>& migrations) {
  Json list = Json::array();
  for (const storage::Migration& migration : migrations) {
    list.push_back({{"version", migration.version},
                    {"name", std::string(migration.name)},
                    {"serves_from", migration.serves_from}});
  }
  return list;
}

std::string Line(const storage::Migration& migration) {
  return absl::StrCat(migration.version, " ", migration.name, " (servers from version ", migration.serves_from,
                      " on may run beside it)");
}

absl::Status ShowStatus(CommandContext& context, const CLI::App& schema) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(schema);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<migrations::SchemaState> state = migrations::ReadSchemaState(*opened->store);
  if (!state.ok()) return state.status();
  if (context.output().json()) {
    return context.output().WriteLine(ToText({{"database", opened->title},
                                              {"layout", opened->store->layout()},
                                              {"version", state->version},
                                              {"known", state->known},
                                              {"pending", ToJson(state->pending)}}));
  }
  std::string verdict = "up to date";
  if (state->version > state->known) verdict = "newer than this program, which may serve it all the same";
  if (!state->pending.empty()) verdict = absl::StrCat(Count(state->pending.size(), "migration"), " to apply");
  return context.output().Write(Table({{"database", opened->title},
                                       {"layout", opened->store->layout()},
                                       {"version", absl::StrCat(state->version)},
                                       {"known", absl::StrCat(state->known)},
                                       {"state", verdict}}));
}

absl::Status WritePlan(CommandContext& context, const std::vector<storage::Migration>& plan, absl::string_view verb) {
  if (context.output().json()) return context.output().WriteLine(ToText({{"plan", ToJson(plan)}}));
  if (plan.empty()) return context.output().WriteLine("nothing to do");
  for (const storage::Migration& migration : plan) {
    absl::Status written = context.output().WriteLine(absl::StrCat("would ", verb, " ", Line(migration)));
    if (!written.ok()) return written;
  }
  return absl::OkStatus();
}

absl::Status WriteDone(CommandContext& context, int count) {
  if (context.output().json()) return context.output().WriteLine(ToText({{"migrations", count}}));
  return context.output().WriteLine(count == 0 ? "nothing to do" : absl::StrCat("done: ", Count(count, "migration")));
}

absl::Status ShowPlan(CommandContext& context, const CLI::App& schema) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(schema);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<migrations::SchemaState> state = migrations::ReadSchemaState(*opened->store);
  if (!state.ok()) return state.status();
  return WritePlan(context, state->pending, "apply");
}

absl::StatusOr<absl::Duration> LockTimeout(const SchemaOptions& options) {
  absl::Duration timeout;
  if (!absl::ParseDuration(options.lock_timeout, &timeout) || timeout < absl::Milliseconds(1) ||
      timeout > absl::Hours(1)) {
    return absl::InvalidArgumentError("--lock-timeout: a duration from 1ms to 1h is expected, such as 30s");
  }
  return timeout;
}

// On standard error, line by line, so that it is seen while more is under way.
migrations::Progress Announce(const char* verb) {
  return
      [verb](const storage::Migration& migration) { std::fprintf(stderr, "%s %s\n", verb, Line(migration).c_str()); };
}

absl::Status Up(CommandContext& context, const CLI::App& schema, const SchemaOptions& options) {
  if (options.dry_run) return ShowPlan(context, schema);
  const absl::StatusOr<absl::Duration> lock_timeout = LockTimeout(options);
  if (!lock_timeout.ok()) return lock_timeout.status();
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(schema);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<int> count = migrations::UpgradeSchema(*opened->store, *lock_timeout, Announce("applied"));
  if (!count.ok()) return count.status();
  return WriteDone(context, *count);
}

absl::Status Down(CommandContext& context, const CLI::App& schema, const SchemaOptions& options) {
  const absl::StatusOr<absl::Duration> lock_timeout = LockTimeout(options);
  if (!lock_timeout.ok()) return lock_timeout.status();
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(schema);
  if (!opened.ok()) return opened.status();
  if (options.dry_run) {
    const absl::StatusOr<migrations::SchemaState> state = migrations::ReadSchemaState(*opened->store);
    if (!state.ok()) return state.status();
    const auto plan = storage::PlanRollback(opened->store->known(), state->applied, options.to);
    if (!plan.ok()) return plan.status();
    return WritePlan(context, *plan, "take back");
  }
  if (!options.yes) {
    return absl::FailedPreconditionError(
        "schema down loses what the later versions keep, at version 0 everything: back the database up, then say "
        "--yes");
  }
  const absl::StatusOr<int> count =
      migrations::RollBackSchema(*opened->store, options.to, *lock_timeout, Announce("took back"));
  if (!count.ok()) return count.status();
  return WriteDone(context, *count);
}

absl::Status Protect(CommandContext& context, const CLI::App& schema, const SchemaOptions& options) {
  const absl::StatusOr<absl::Duration> lock_timeout = LockTimeout(options);
  if (!lock_timeout.ok()) return lock_timeout.status();
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(schema);
  if (!opened.ok()) return opened.status();
  const auto steps = migrations::ProtectSchema(*opened->store, *lock_timeout, options.dry_run);
  if (!steps.ok()) return steps.status();
  if (context.output().json()) return context.output().WriteLine(ToText({{"statements", *steps}}));
  if (steps->empty()) return context.output().WriteLine("nothing to do");
  absl::Status written;
  for (const std::string& step : *steps) {
    if (written.ok()) written = context.output().WriteLine(absl::StrCat(step, ";"));
  }
  return written;
}

absl::Status Verify(CommandContext& context, const CLI::App& schema) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(schema);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<std::vector<std::string>> differences = migrations::VerifySchema(*opened->store);
  if (!differences.ok()) return differences.status();
  absl::Status written;
  if (context.output().json()) {
    written = context.output().WriteLine(ToText({{"differences", *differences}}));
  } else if (differences->empty()) {
    written = context.output().WriteLine("the schema is what the migrations make");
  } else {
    for (const std::string& difference : *differences) {
      if (written.ok()) written = context.output().WriteLine(difference);
    }
  }
  if (!written.ok() || differences->empty()) return written;
  return absl::DataLossError(
      absl::StrCat("the schema differs from its migrations in ", Count(differences->size(), "point")));
}

void AddChange(CLI::App& command, const SharedOptions& options) {
  command.add_flag("--dry-run", options->dry_run, "Say what would be done, and do nothing");
  command.add_option("--lock-timeout", options->lock_timeout, "How long to wait for others and for tables in use")
      ->capture_default_str();
}

}  // namespace

void AddSchemaCommands(CLI::App& parent, Action* action) {
  const auto options = std::make_shared<SchemaOptions>();
  CLI::App* const schema = parent.add_subcommand(
      "schema",
      "Look at, change and verify the schema of a database, without a server: status, plan, up, down, protect, verify");
  schema->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  profiles::DeclareDatabaseOptions(schema, &options->declared);
  schema->add_option("--config", options->config, "TOML file of authstated, whose database options count here too");
  schema->footer(std::string(profiles::kPrecedenceHelp));

  CLI::App* const status = schema->add_subcommand("status", "Show the version of the schema, and what is pending");
  status->callback([=] { *action = [=](CommandContext& context) { return ShowStatus(context, *schema); }; });
  CLI::App* const plan = schema->add_subcommand("plan", "Show what up would do");
  plan->callback([=] { *action = [=](CommandContext& context) { return ShowPlan(context, *schema); }; });
  CLI::App* const up = schema->add_subcommand("up", "Bring the schema up to date");
  AddChange(*up, options);
  up->callback([=] { *action = [=](CommandContext& context) { return Up(context, *schema, *options); }; });
  CLI::App* const down = schema->add_subcommand("down", "Take the latest versions of the schema back");
  AddChange(*down, options);
  down->add_option("--to", options->to, "The version that remains; 0 takes everything")
      ->check(profiles::NumberBetween(0, std::numeric_limits<std::uint32_t>::max()))
      ->required();
  down->add_flag("-y,--yes", options->yes, "What the later versions keep may be lost");
  down->callback([=] { *action = [=](CommandContext& context) { return Down(context, *schema, *options); }; });
  CLI::App* const protect = schema->add_subcommand(
      "protect", "Take the rights on the tables from every role but their owner and --allowed-roles, and show how");
  AddChange(*protect, options);
  protect->callback([=] { *action = [=](CommandContext& context) { return Protect(context, *schema, *options); }; });
  CLI::App* const verify = schema->add_subcommand(
      "verify",
      "Compare the tables with what the migrations make, and show each difference, and who else can reach them");
  verify->callback([=] { *action = [=](CommandContext& context) { return Verify(context, *schema); }; });
}

}  // namespace authstate::cli
