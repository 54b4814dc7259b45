#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands/cutover.h"
#include "client/cli/terminal/text.h"
#include "migrations/cutover/database_identity.h"
#include "migrations/cutover/record.h"
#include "migrations/cutover/rehearsal.h"
#include "migrations/cutover/shell.h"
#include "migrations/cutover/steps.h"

namespace authstate::cli {
namespace {

using cutover::RehearsalRecord;

std::string Took(const std::optional<absl::Duration>& duration) {
  if (!duration.has_value()) return "-";
  return absl::FormatDuration(absl::Trunc(*duration, absl::Milliseconds(1)));
}

// The record to begin with.
absl::StatusOr<RehearsalRecord> BeginRecord(const CutoverOptions& options, const cutover::Steps& steps) {
  const std::string from = profiles::NameOf(options.tables.from);
  const std::string to = profiles::NameOf(options.tables.to);
  if (!options.resume) return cutover::NewRecord(steps, from, to, absl::Now());
  absl::StatusOr<RehearsalRecord> record = cutover::ReadRecord(options.record);
  if (!record.ok()) return record;
  if (record->outcome != cutover::Outcome::kInterrupted) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the rehearsal of --record is over (", cutover::NameOf(record->outcome), "): begin one without --resume"));
  }
  if (record->steps_digest != steps.digest || record->from != from || record->to != to) {
    return absl::FailedPreconditionError("the rehearsal of --record is of other steps, or of other databases");
  }
  return record;
}

// The live databases are none of those that the rehearsal is about, and the server that its commands reach serves from
// none of them. Where no server answers there is none to be harmed.
absl::Status RefuseLive(CommandContext& context, const CutoverOptions& options,
                        const profiles::DatabaseOptions& of_copies, client::Client& client,
                        const SignalWatcher& signals) {
  const absl::StatusOr<profiles::DatabaseOptions> of_live = ReadDatabaseFile(options.live);
  if (!of_live.ok()) return absl::InvalidArgumentError(absl::StrCat("--live: ", of_live.status().message()));
  const auto connect = [&](const profiles::DatabaseOptions& databases) {
    return tables::ConnectTableMove(databases, options.tables.from, options.tables.to, options.tables.patience,
                                    [&signals] { return signals.Check(); });
  };
  absl::StatusOr<tables::TableMove> copies = connect(of_copies);
  absl::StatusOr<tables::TableMove> live = connect(*of_live);
  for (const auto* const move : {&copies, &live}) {
    if (move->ok()) continue;
    return absl::FailedPreconditionError(absl::StrCat("it cannot be told whether the databases of ",
                                                      move == &live ? "--live" : "--config",
                                                      " are the same: ", move->status().message()));
  }
  if (absl::Status refused = cutover::RefuseLive(*copies, *live); !refused.ok()) return refused;
  const std::string server = absl::StrCat("the server at ", context.options().address);
  const absl::StatusOr<client::Backends> found = client.ListBackends(/*probe=*/false);
  if (absl::IsUnavailable(found.status()) || absl::IsDeadlineExceeded(found.status())) return absl::OkStatus();
  if (!found.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("it cannot be told whether ", server, " is live: ", found.status().message()));
  }
  for (const client::BackendInfo& backend : found->backends) {
    if (backend.location != live->from->location() && backend.location != live->to->location()) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        server, " is live: it knows ", backend.location,
        "; give --address or AUTHSTATE_ADDRESS, to which the commands of the steps go, of one for the rehearsal"));
  }
  return absl::OkStatus();
}

absl::Status ShowRecord(Output& output, const RehearsalRecord& record) {
  if (output.json()) return output.WriteJson(cutover::ToJson(record));
  std::vector<std::vector<std::string>> rows = {{"STEP", "OUTCOME", "TOOK", "UNDO TOOK"}};
  for (const cutover::StepRecord& step : record.steps) {
    rows.push_back({step.name, cutover::NameOf(step.outcome), Took(step.took), Took(step.undo_took)});
  }
  return output.Write(absl::StrCat(Table(rows), cutover::NameOf(record.outcome), "; forward ", Took(record.forward),
                                   ", way back ", Took(record.way_back), "\n"));
}

// What the operator can do now that it was stopped, as lines for a shell where that is commands.
std::string HowToGoOn(const cutover::Steps& steps, const RehearsalRecord& record) {
  std::string text =
      "what is done stays done; to go on, the same again with --resume; to go back, what undoes it, in this order:\n";
  for (std::size_t place = steps.steps.size(); place-- > 0;) {
    const cutover::Step& step = steps.steps[place];
    const cutover::StepRecord& of_step = record.steps[place];
    if (step.undo.empty() || of_step.outcome == cutover::Outcome::kNotRun || of_step.undo_took.has_value()) continue;
    absl::StrAppend(&text, "# ", step.name, "\n", step.undo, "\n");
  }
  return text;
}

}  // namespace

absl::Status RunCutoverRehearse(CommandContext& context, const CutoverOptions& options) {
  const absl::StatusOr<cutover::Steps> steps = cutover::ReadSteps(options.steps);
  if (!steps.ok()) return steps.status();
  absl::StatusOr<RehearsalRecord> record = BeginRecord(options, *steps);
  if (!record.ok()) return record.status();
  const absl::StatusOr<profiles::DatabaseOptions> of_copies = ReadDatabaseOptions(options.tables.database);
  if (!of_copies.ok()) return of_copies.status();
  // The commands of the steps are to reach the server that is looked at here. No other thread runs yet.
  setenv(kAddressVariable, context.options().address.c_str(), /*overwrite=*/1);
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  if (absl::Status refused = RefuseLive(context, options, *of_copies, client, signals); !refused.ok()) return refused;

  Output& output = context.output();
  const auto say = [&output](const std::string& text) {
    if (!output.json()) (void)std::fwrite(text.data(), 1, text.size(), stderr);
  };
  cutover::Stage stage;
  stage.run = [&signals](const std::string& command, absl::Time deadline) {
    return cutover::RunShell(command, deadline, [&signals] { return signals.Check(); });
  };
  stage.now = [] { return absl::Now(); };
  stage.keep = [&options](const RehearsalRecord& now) { return cutover::WriteRecord(options.record, now); };
  stage.tell = [&say](const std::string& line) { say(absl::StrCat(Printable(line), "\n")); };
  absl::Status status = cutover::Rehearse(*steps, stage, &*record);
  absl::Status written = ShowRecord(output, *record);
  if (absl::IsCancelled(status)) say(HowToGoOn(*steps, *record));
  return status.ok() ? written : status;
}

}  // namespace authstate::cli
