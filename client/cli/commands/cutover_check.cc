#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/metrics_file.h"
#include "client/cli/commands/cutover.h"
#include "client/cli/terminal/text.h"
#include "migrations/cutover/client_sessions.h"
#include "migrations/cutover/gates.h"
#include "migrations/cutover/record.h"
#include "migrations/cutover/steps.h"
#include "migrations/tables/report.h"

namespace authstate::cli {
namespace {

// Somebody waits for the answer.
constexpr tables::Patience kPatience = {absl::Minutes(2), absl::Seconds(10), absl::Seconds(10)};

absl::StatusOr<cutover::NewestBackup> ReadNewestBackup(const std::string& folder,
                                                       const absl::StatusOr<std::string>& store_id) {
  const absl::StatusOr<BackupListing> list = ListBackups(folder);
  if (!list.ok()) return list.status();
  const auto newest =
      std::find_if(list->files.rbegin(), list->files.rend(), [](const BackupFile& file) { return file.has_end; });
  if (newest == list->files.rend()) {
    if (list->unreadable.empty()) return absl::NotFoundError(absl::StrCat(folder, " has no backup"));
    return absl::DataLossError(list->unreadable.back().reason);
  }
  if (!store_id.ok()) return store_id.status();
  return cutover::NewestBackup{newest->path, newest->header.create_time, newest->header.IsOfAnotherStore(*store_id)};
}

absl::StatusOr<cutover::Drill> ReadDrill(const std::string& path) {
  const absl::StatusOr<std::map<std::string, double>> metrics = ReadMetricsFile(path);
  if (!metrics.ok()) return metrics.status();
  const auto done = metrics->find(kDrillTimeMetric);
  const auto begun = metrics->find(kDrilledBackupTimeMetric);
  if (done == metrics->end() || begun == metrics->end()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no metrics file of `backup drill`"));
  }
  const auto time = [](double seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); };
  return cutover::Drill{time(done->second), time(begun->second)};
}

// That something could not be asked says nothing of what it would have answered, whatever the error: a host or a
// database that does not exist is no answer either.
absl::Status NotTold(const absl::Status& status, absl::string_view whom = "") {
  return absl::UnknownError(absl::StrCat(whom, whom.empty() ? "" : " cannot be asked: ", status.message()));
}

std::string ServerOf(const CommandContext& context) {
  return absl::StrCat("the server at ", context.options().address);
}

absl::StatusOr<cutover::FollowedCopy> ReadFollowedCopy(CommandContext& context, const std::string& target) {
  const absl::StatusOr<client::Backends> found = context.client().ListBackends(/*probe=*/false);
  if (!found.ok()) return NotTold(found.status(), ServerOf(context));
  cutover::FollowedCopy copy;
  bool configured = false;
  for (const client::BackendInfo& backend : found->backends) {
    if (backend.serving) copy.serves = backend.name;
    if (backend.name != target) continue;
    configured = true;
    if (!backend.following.has_value()) continue;
    copy.followed = true;
    copy.equal_at = backend.following->equal_time;
    copy.differing_sessions = backend.following->differing_sessions;
    copy.error = backend.following->error;
  }
  if (!configured) return absl::NotFoundError(absl::StrCat("the server has no database ", target));
  return copy;
}

// What the gates are told of the two databases, each by itself.
struct DatabasesView {
  absl::StatusOr<std::vector<cutover::ClientSessions>> sessions;
  absl::StatusOr<std::vector<tables::Finding>> blocking;
  absl::StatusOr<std::vector<std::string>> report;
};

absl::StatusOr<std::vector<cutover::ClientSessions>> ReadSessions(const tables::TableMove& move) {
  auto sessions = cutover::ReadClientSessions(*move.from);
  if (!sessions.ok()) return NotTold(sessions.status());
  auto of_target = cutover::ReadClientSessions(*move.to);
  if (!of_target.ok()) return NotTold(of_target.status());
  std::move(of_target->begin(), of_target->end(), std::back_inserter(*sessions));
  return sessions;
}

// Why the report does not count for what `plan` wants to move.
absl::StatusOr<std::vector<std::string>> JudgeReport(const TablesOptions& options, const tables::TableMove& move,
                                                     const tables::Plan& plan) {
  const absl::StatusOr<tables::Verification> report = tables::ReadReport(options.report);
  if (!report.ok()) return report.status();
  std::vector<std::string> reasons = WhyReportDoesNotCount(*report, move);
  if (report->schema != options.request.schema) {
    reasons.push_back(absl::StrCat("it is of the schema ", report->schema));
  }
  if (report->reversed_at != absl::InfinitePast()) {
    reasons.push_back(absl::StrCat("the way back was gone at ", TimeText(report->reversed_at)));
  }
  const std::vector<std::string> verified = report->table_names();
  for (const std::string& table : plan.tables) {
    if (std::find(verified.begin(), verified.end(), table) != verified.end()) continue;
    const std::string reason = absl::StrCat("it lacks the table ", table);
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) reasons.push_back(reason);
  }
  return reasons;
}

DatabasesView ReadDatabases(const profiles::DatabaseOptions& databases, const TablesOptions& options,
                            const SignalWatcher& signals) {
  auto move =
      tables::ConnectTableMove(databases, options.from, options.to, kPatience, [&signals] { return signals.Check(); });
  if (!move.ok()) return {NotTold(move.status()), NotTold(move.status()), NotTold(move.status())};
  for (const std::string& warning : move->warnings) WarnOfDatabase(warning);
  DatabasesView view;
  view.sessions = ReadSessions(*move);
  const absl::Status read = move->ReadCatalogues(options.request.schema);
  const absl::StatusOr<tables::Plan> plan =
      read.ok() ? tables::MakePlan(*move->from, move->from_catalogue, move->to_catalogue, options.request)
                : absl::StatusOr<tables::Plan>(read);
  if (plan.ok()) {
    view.blocking = plan->Blocking(options.request);
    view.report = JudgeReport(options, *move, *plan);
  } else {
    view.blocking = NotTold(plan.status());
    view.report = NotTold(plan.status());
  }
  return view;
}

absl::Status ShowGates(Output& output, const std::vector<cutover::Gate>& gates, bool go) {
  if (output.json()) {
    Json list = Json::array();
    for (const cutover::Gate& gate : gates) {
      list.push_back({{"gate", gate.name},
                      {"answer", cutover::NameOf(gate.answer)},
                      {"reason", gate.reason},
                      {"remedy", gate.remedy}});
    }
    return output.WriteJson({{"go", go}, {"gates", std::move(list)}});
  }
  std::vector<std::vector<std::string>> rows = {{"GATE", "ANSWER", ""}};
  for (const cutover::Gate& gate : gates) {
    rows.push_back({gate.name, cutover::NameOf(gate.answer), Printable(gate.reason)});
    if (!gate.remedy.empty()) rows.push_back({"", "", absl::StrCat("do: ", Printable(gate.remedy))});
  }
  return output.Write(absl::StrCat(Table(rows), go ? "go\n" : "no go\n"));
}

}  // namespace

absl::Status RunCutoverCheck(CommandContext& context, const CutoverOptions& options) {
  std::vector<cutover::MayConnect> allowed;
  for (const std::string& text : options.may_connect) {
    auto one = cutover::ParseMayConnect(text);
    if (!one.ok()) return one.status();
    allowed.push_back(*std::move(one));
  }
  const auto databases = ReadDatabaseOptions(options.tables.database);
  if (!databases.ok()) return databases.status();
  const std::string from = profiles::NameOf(options.tables.from);
  const std::string to = profiles::NameOf(options.tables.to);
  const std::string pair = absl::StrCat("--from ", from, " --to ", to);
  const std::string drill_metrics =
      options.drill_metrics.empty() ? absl::StrCat(options.backups, "/drill.prom") : options.drill_metrics;

  SignalWatcher signals;
  client::Client& client = context.client(signals);
  absl::StatusOr<std::string> store_id = client.StoreId();
  if (!store_id.ok()) store_id = NotTold(store_id.status(), ServerOf(context));
  const auto copy = ReadFollowedCopy(context, to);
  const DatabasesView view = ReadDatabases(*databases, options.tables, signals);
  const auto steps = cutover::ReadSteps(options.steps);
  const auto terms = steps.ok() ? absl::StatusOr<cutover::WayBackTerms>(
                                      {steps->digest, from, to, options.way_back, *options.max_rehearsal_age})
                                : steps.status();
  if (absl::Status interrupted = signals.Check(); !interrupted.ok()) return interrupted;

  const absl::Time now = absl::Now();
  const std::vector<cutover::Gate> gates = {
      cutover::BackupFresh(ReadNewestBackup(options.backups, store_id), *options.max_backup_age, now,
                           absl::StrCat("authstatectl backup create ", options.backups)),
      cutover::BackupDrilled(
          ReadDrill(drill_metrics), *options.max_drill_age, now,
          absl::StrCat("authstatectl backup drill ", options.backups, " --metrics-file ", drill_metrics)),
      cutover::PlanClean(view.blocking, absl::StrCat("authstatectl tables plan ", pair, ", and what it says")),
      cutover::Verified(view.report,
                        absl::StrCat("in a moment in which nobody writes, authstatectl tables sync ", pair,
                                     " and authstatectl tables verify ", pair, " --report ", options.tables.report)),
      cutover::BackendEqual(copy, from, options.max_lag, now,
                            absl::StrCat("authstatectl backend sync ", to, " --follow, and look at backend status")),
      cutover::NobodyElse(view.sessions, allowed,
                          "stop what they belong to, or name who may be there by --may-connect"),
      cutover::WayBack(cutover::ReadRecord(options.rehearsal), terms, now,
                       absl::StrCat("authstatectl cutover rehearse ", pair, " --steps ", options.steps, " --record ",
                                    options.rehearsal))};
  const auto shut = std::count_if(gates.begin(), gates.end(),
                                  [](const cutover::Gate& gate) { return gate.answer != cutover::Answer::kYes; });
  absl::Status written = ShowGates(context.output(), gates, shut == 0);
  if (!written.ok() || shut == 0) return written;
  return absl::DataLossError(
      absl::StrCat("no go: ", Count(static_cast<std::uint64_t>(shut), "gate"), " of ", gates.size(), " not open"));
}

}  // namespace authstate::cli
