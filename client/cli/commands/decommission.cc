#include "migrations/decommission/decommission.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/backup/metrics_file.h"
#include "client/cli/commands/backup.h"
#include "client/cli/commands/commands.h"
#include "client/cli/commands/decommission_report.h"
#include "client/cli/database_choice.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"
#include "migrations/decommission/sample_store.h"

namespace authstate::cli {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr std::uint64_t kMostListed = 10'000;
// For how long the metrics of `watch` tell of somebody: several times as long as Prometheus takes from scrape to
// scrape.
constexpr absl::Duration kTold = absl::Minutes(15);

struct DecommissionOptions {
  DatabaseChoice database;
  decommission::Profiles profiles;
  decommission::Terms terms;
  int days = 7;
  // The last times in which somebody asked, and in which the days began anew.
  std::size_t listed = 20;
  std::string metrics_file;
};

absl::StatusOr<decommission::Quietness> ReadQuietness(const DecommissionOptions& options,
                                                      const profiles::DatabaseOptions& database, absl::Duration needed,
                                                      absl::Time since, const SignalWatcher& signals) {
  decommission::Terms terms = options.terms;
  terms.needed = needed;
  std::vector<std::string> warnings;
  absl::StatusOr<decommission::Quietness> quietness = decommission::ReadQuietness(
      database, options.profiles, terms, since, absl::Now(), [&signals] { return signals.Check(); }, &warnings);
  for (const std::string& warning : warnings) WarnOfDatabase(warning);
  return quietness;
}

absl::Status WriteMetrics(const DecommissionOptions& options, const profiles::DatabaseOptions& database,
                          absl::Time sampled, const SignalWatcher& signals) {
  const absl::StatusOr<decommission::Quietness> quietness =
      ReadQuietness(options, database, kTold, sampled - kTold, signals);
  if (!quietness.ok()) return quietness.status();
  // So that the files of several such databases may be read by one node_exporter.
  const std::string label = absl::StrCat("database=\"", profiles::NameOf(options.profiles.database), "\"");
  return WriteMetricsFile(
      options.metrics_file,
      {{"authstate_decommission_last_sample_timestamp_seconds", "When the old database was last looked at.",
        absl::ToDoubleSeconds(sampled - absl::UnixEpoch()), label},
       {"authstate_decommission_asked", "1: it was asked, or somebody was connected, within 15 minutes before that.",
        quietness->verdict == decommission::Verdict::kAsked ? 1.0 : 0.0, label}});
}

absl::Status Watch(CommandContext& context, const DecommissionOptions& options) {
  SignalWatcher signals;
  signals.Start([] {});
  const absl::StatusOr<profiles::DatabaseOptions> database = ReadDatabaseOptions(options.database);
  if (!database.ok()) return database.status();
  std::vector<std::string> warnings;
  const absl::StatusOr<decommission::Sample> sample = decommission::Watch(
      *database, options.profiles, absl::Now(), [&signals] { return signals.Check(); }, &warnings);
  for (const std::string& warning : warnings) WarnOfDatabase(warning);
  if (!sample.ok()) return sample.status();
  if (!options.metrics_file.empty()) {
    const absl::Status written = WriteMetrics(options, *database, sample->at, signals);
    if (!written.ok()) return written;
  }
  std::int64_t sessions = 0;
  for (const decommission::Clients& clients : sample->clients) sessions += clients.sessions;
  if (context.output().json()) {
    return context.output().WriteJson(
        {{"sampled_at", TimeText(sample->at)}, {"tables", sample->tables->size()}, {"sessions", sessions}});
  }
  return context.output().WriteLine(absl::StrCat("sampled at ", TimeText(sample->at), ": ",
                                                 Count(sample->tables->size(), "table"), ", ",
                                                 Count(static_cast<std::uint64_t>(sessions), "session"), " of others"));
}

absl::Status Status(CommandContext& context, const DecommissionOptions& options) {
  SignalWatcher signals;
  signals.Start([] {});
  const absl::StatusOr<profiles::DatabaseOptions> database = ReadDatabaseOptions(options.database);
  if (!database.ok()) return database.status();
  const absl::StatusOr<decommission::Quietness> quietness =
      ReadQuietness(options, *database, options.days * kDay, absl::UnixEpoch(), signals);
  if (!quietness.ok()) return quietness.status();
  const QuietnessReport report = {*quietness, options.profiles.database, options.days, options.listed};
  const absl::Status written =
      context.output().json() ? context.output().WriteJson(ToJson(report)) : context.output().Write(ToText(report));
  if (!written.ok() || quietness->verdict == decommission::Verdict::kQuiet) return written;
  return absl::DataLossError(absl::StrCat(
      profiles::NameOf(options.profiles.database),
      quietness->verdict == decommission::Verdict::kAsked ? " is still asked" : ": whether it is asked is unknown"));
}

}  // namespace

Command DecommissionCommands(Action* action) {
  const auto options = std::make_shared<DecommissionOptions>();
  Command group = Group(
      "decommission", "Tell whether anybody still asks a database that is to be given up, without a server",
      {Leaf("watch", "Take one sample of what the old database is asked, and keep it in the new one; for a timer",
            options, {MetricsFile(&options->metrics_file)}, Watch, action),
       Leaf(
           "status", "Say since when the old database is quiet, or who asks; exit code 6 unless it is long enough",
           options,
           {profiles::Number("--days", &options->days, 1, decommission::kSamplesKept / kDay - 1,
                             "For how many days it has to be quiet"),
            profiles::Number("--listed", &options->listed, 1, kMostListed,
                             "How many times in which somebody asked, or the days began anew, to list: the last ones")},
           Status, action)});
  for (Command& command : group.commands) {
    command.options.push_back(profiles::Duration("--max-gap", &options->terms.max_gap, absl::Seconds(1), kDay,
                                                 "Samples further apart say nothing of the time between them"));
    command.options.push_back(
        profiles::List("--may-connect", &options->terms.may_connect,
                       "ROLE or ROLE/APPLICATION that may be connected, as long as no table is asked; more than once"));
    command.options.push_back(profiles::List("--ignore-schemas", &options->terms.ignored_schemas,
                                             "Schemas whose tables may be asked: those of the host's own programs",
                                             ','));
    command.options.push_back(
        ProfileOption("--database", &options->profiles.database, "The profile of the old database"));
    command.options.push_back(
        ProfileOption("--into", &options->profiles.into, "The profile of the new database, which keeps the samples"));
  }
  DeclareDatabase(&options->database, &group);
  return group;
}

}  // namespace authstate::cli
