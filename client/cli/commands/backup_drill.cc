#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/backup_reader.h"
#include "client/cli/backup/metrics_file.h"
#include "client/cli/commands/backup.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/restorer.h"
#include "client/cli/scratch_server.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct DrillOptions {
  std::string path;
  KeyringSource keyring;
  // Empty: FindServerProgram.
  std::string server;
  std::string metrics_file;
};

absl::Status WriteMetrics(const DrillOptions& options, const BackupHeader& header, std::uint64_t restored,
                          absl::Duration took) {
  if (options.metrics_file.empty()) return absl::OkStatus();
  const auto seconds = [](absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); };
  return WriteMetricsFile(
      options.metrics_file,
      {{kDrillTimeMetric, "When a backup was last restored for a trial.", seconds(absl::Now())},
       {"authstate_backup_drill_last_duration_seconds", "How long it took to restore and compare it.",
        absl::ToDoubleSeconds(took)},
       {"authstate_backup_drill_last_sessions", "Sessions that were restored.", static_cast<double>(restored)},
       {kDrilledBackupTimeMetric, "When that backup had been begun.", seconds(header.create_time)}});
}

// Restores every session, each of which is read back and compared; those that have something.
absl::StatusOr<std::uint64_t> RestoreAll(CommandContext& scratch, const SignalWatcher& signals, BackupReader& reader,
                                         Progress& progress) {
  RestoreTerms terms;
  terms.origin = absl::StrCat("backup ", absl::BytesToHexString(reader.header().file_id));
  std::uint64_t restored = 0;
  while (true) {
    absl::StatusOr<std::optional<SessionStamp>> stamp = reader.NextSession();
    if (!stamp.ok()) return stamp.status();
    if (!stamp->has_value()) return restored;
    progress.Show("sessions restored:", restored, 0);
    const absl::Status status = signals.Check();
    if (!status.ok()) return status;
    absl::StatusOr<Folder> state = ReadWholeSession(reader);
    if (!state.ok()) return state.status();
    const SavedSession saved{std::move((*stamp)->session_id), (*stamp)->revision, (*stamp)->fence, (*stamp)->at_home,
                             *std::move(state)};
    const absl::StatusOr<Restored> done = RestoreSession(scratch, saved, terms);
    if (!done.ok()) {
      return WithMessage(done.status(), absl::StrCat("session ", saved.session_id, ": ", done.status().message()));
    }
    if (done->outcome == Restored::Outcome::kRestored) ++restored;
  }
}

// What the scratch server then lists has to be what was restored.
absl::Status CheckCount(client::Client& client, std::uint64_t restored) {
  std::uint64_t listed = 0;
  const auto listing = client.ListSessions({}, [&](const client::SessionSummary& /*session*/) {
    ++listed;
    return absl::OkStatus();
  });
  if (!listing.ok()) return listing.status();
  if (listed == restored) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the scratch store lists ", Count(listed, "session"), ", and ", restored, " were restored"));
}

absl::Status Drill(CommandContext& context, const DrillOptions& options) {
  const auto keyring = ReadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  const absl::StatusOr<std::string> path = FindBackup(options.path);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(*path, **keyring);
  if (!reader.ok()) return reader.status();
  SignalWatcher signals;
  const absl::StatusOr<std::unique_ptr<ScratchServer>> server =
      ScratchServer::Start(options.server.empty() ? FindServerProgram() : options.server);
  if (!server.ok()) return server.status();
  GlobalOptions of_scratch;
  of_scratch.address = (*server)->address();
  of_scratch.timeout = context.options().timeout;
  of_scratch.json = context.output().json();
  CommandContext scratch(of_scratch);
  scratch.client(signals);
  Progress progress(context.output().json());
  const absl::Time begin = absl::Now();
  const absl::StatusOr<std::uint64_t> restored = RestoreAll(scratch, signals, **reader, progress);
  if (!restored.ok()) return restored.status();
  const absl::Status counted = CheckCount(scratch.client(), *restored);
  if (!counted.ok()) return counted;
  const absl::Duration took = absl::Trunc(absl::Now() - begin, absl::Milliseconds(1));
  const absl::Status measured = WriteMetrics(options, (*reader)->header(), *restored, took);
  if (!measured.ok()) return measured;
  const BackupTotals& totals = (*reader)->totals();
  if (context.output().json()) {
    return context.output().WriteJson({{"file", *path},
                                       {"sessions", *restored},
                                       {"keys", totals.keys},
                                       {"value_bytes", totals.value_bytes},
                                       {"created", TimeText((*reader)->header().create_time)},
                                       {"seconds", absl::ToDoubleSeconds(took)}});
  }
  return context.output().WriteLine(
      absl::StrCat("restored ", Count(*restored, "session"), " with ", Count(totals.keys, "key"), " of ", *path,
                   " into a scratch store, and compared them, in ", absl::FormatDuration(took)));
}

}  // namespace

Command BackupDrill(Action* action) {
  const auto options = std::make_shared<DrillOptions>();
  return Leaf(
      "drill", "Restore a backup into an SQLite store made for it, compare, throw that away, and tell the time",
      options,
      WithBackupKeyring(&options->keyring, {BackupArgument(&options->path),
                                            Text("--server", &options->server,
                                                 "The authstated to do it with, in place of that beside this program"),
                                            MetricsFile(&options->metrics_file)}),
      Drill, action);
}

}  // namespace authstate::cli
