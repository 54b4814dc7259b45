#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/database_choice.h"
#include "client/cli/terminal/text.h"
#include "migrations/open_schema.h"
#include "migrations/schema_change.h"

namespace authstate::cli {
namespace {

struct SchemaOptions {
  DatabaseChoice database;
  absl::Duration lock_timeout = absl::Seconds(30);
  std::uint32_t to = 0;
  bool dry_run = false;
  bool yes = false;
};

absl::StatusOr<migrations::OpenedSchema> Open(const SchemaOptions& schema) {
  const absl::StatusOr<profiles::DatabaseOptions> options = ReadDatabaseOptions(schema.database);
  if (!options.ok()) return options.status();
  absl::StatusOr<migrations::OpenedSchema> opened = migrations::OpenSchema(*options);
  if (!opened.ok()) return opened;
  for (const std::string& warning : opened->warnings) WarnOfDatabase(warning);
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

absl::Status ShowStatus(CommandContext& context, const SchemaOptions& options) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(options);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<migrations::SchemaState> state = migrations::ReadSchemaState(*opened->store);
  if (!state.ok()) return state.status();
  if (context.output().json()) {
    return context.output().WriteJson({{"database", opened->title},
                                       {"layout", opened->store->layout()},
                                       {"version", state->version},
                                       {"known", state->known},
                                       {"pending", ToJson(state->pending)}});
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
  if (context.output().json()) return context.output().WriteJson({{"plan", ToJson(plan)}});
  if (plan.empty()) return context.output().WriteLine("nothing to do");
  for (const storage::Migration& migration : plan) {
    absl::Status written = context.output().WriteLine(absl::StrCat("would ", verb, " ", Line(migration)));
    if (!written.ok()) return written;
  }
  return absl::OkStatus();
}

absl::Status WriteDone(CommandContext& context, int count) {
  if (context.output().json()) return context.output().WriteJson({{"migrations", count}});
  return context.output().WriteLine(count == 0 ? "nothing to do" : absl::StrCat("done: ", Count(count, "migration")));
}

absl::Status ShowPlan(CommandContext& context, const SchemaOptions& options) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(options);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<migrations::SchemaState> state = migrations::ReadSchemaState(*opened->store);
  if (!state.ok()) return state.status();
  return WritePlan(context, state->pending, "apply");
}

// On standard error, line by line, so that it is seen while more is under way.
migrations::Progress Announce(const char* verb) {
  return
      [verb](const storage::Migration& migration) { std::fprintf(stderr, "%s %s\n", verb, Line(migration).c_str()); };
}

absl::Status Up(CommandContext& context, const SchemaOptions& options) {
  if (options.dry_run) return ShowPlan(context, options);
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(options);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<int> count =
      migrations::UpgradeSchema(*opened->store, options.lock_timeout, Announce("applied"));
  if (!count.ok()) return count.status();
  return WriteDone(context, *count);
}

absl::Status Down(CommandContext& context, const SchemaOptions& options) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(options);
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
      migrations::RollBackSchema(*opened->store, options.to, options.lock_timeout, Announce("took back"));
  if (!count.ok()) return count.status();
  return WriteDone(context, *count);
}

absl::Status Protect(CommandContext& context, const SchemaOptions& options) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(options);
  if (!opened.ok()) return opened.status();
  auto steps = migrations::ProtectSchema(*opened->store, options.lock_timeout, options.dry_run);
  if (!steps.ok()) return steps.status();
  if (context.output().json()) return context.output().WriteJson({{"statements", *steps}});
  if (steps->empty()) return context.output().WriteLine("nothing to do");
  for (std::string& step : *steps) step += ";";
  return context.output().WriteLines(*steps);
}

absl::Status Verify(CommandContext& context, const SchemaOptions& options) {
  const absl::StatusOr<migrations::OpenedSchema> opened = Open(options);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<std::vector<std::string>> differences = migrations::VerifySchema(*opened->store);
  if (!differences.ok()) return differences.status();
  absl::Status written;
  if (context.output().json()) {
    written = context.output().WriteJson({{"differences", *differences}});
  } else if (differences->empty()) {
    written = context.output().WriteLine("the schema is what the migrations make");
  } else {
    written = context.output().WriteLines(*differences);
  }
  if (!written.ok() || differences->empty()) return written;
  return absl::DataLossError(
      absl::StrCat("the schema differs from its migrations in ", Count(differences->size(), "point")));
}

}  // namespace

Command SchemaCommands(Action* action) {
  const auto options = std::make_shared<SchemaOptions>();
  const auto leaf = [&](const char* name, const char* help, std::vector<Option> declared,
                        absl::Status (*run)(CommandContext&, const SchemaOptions&)) {
    return Leaf(name, help, options, std::move(declared), run, action);
  };
  const Option dry_run = Flag("--dry-run", &options->dry_run, "Say what would be done, and do nothing");
  const Option lock_timeout = profiles::Duration("--lock-timeout", &options->lock_timeout, absl::Milliseconds(1),
                                                 absl::Hours(1), "How long to wait for others and for tables in use");
  const Option to = Required(profiles::Number("--to", &options->to, 0, std::numeric_limits<std::uint32_t>::max(),
                                              "The version that remains; 0 takes everything"));
  Command schema = Group(
      "schema",
      "Look at, change and verify the schema of a database, without a server: status, plan, up, down, protect, verify",
      {leaf("status", "Show the version of the schema, and what is pending", {}, ShowStatus),
       leaf("plan", "Show what up would do", {}, ShowPlan),
       leaf("up", "Bring the schema up to date", {dry_run, lock_timeout}, Up),
       leaf("down", "Take the latest versions of the schema back",
            {dry_run, lock_timeout, to, Yes(&options->yes, "What the later versions keep may be lost")}, Down),
       leaf("protect",
            "Take the rights on the tables from every role but their owner and --allowed-roles, and show how",
            {dry_run, lock_timeout}, Protect),
       leaf("verify",
            "Compare the tables with what the migrations make, and show each difference, and who else can reach them",
            {}, Verify)});
  DeclareDatabase(&options->database, &schema);
  return schema;
}

}  // namespace authstate::cli
