#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/collector.h"
#include "client/cli/backup/earlier_backups.h"
#include "client/cli/backup/verification.h"
#include "client/cli/commands/backup.h"
#include "client/cli/commands/backup_report.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

constexpr std::uint64_t kMaxRate = std::uint64_t{1} << 40U;

struct CreateOptions {
  std::string folder;
  KeyringSource keyring;
  // Bytes of values a second; 0: as fast as it goes.
  std::uint64_t rate = 0;
  bool full = false;
  bool allow_empty = false;
  bool allow_drop = false;
  bool other_store = false;
  std::string metrics_file;
};

// So many sessions, if they are more than this part of all, are not taken for deleted at once without being asked.
constexpr std::uint64_t kFewSessions = 10;
constexpr std::uint64_t kPartOfAll = 10;

// Collects the sessions before `session_id` (nullopt: all others) that earlier files have and the server did not list.
absl::Status CollectUnlisted(Collector* collector, const std::optional<std::string>& session_id,
                             const SignalWatcher& signals, BackupTally* tally) {
  while (true) {
    absl::StatusOr<std::optional<CollectedSession>> session = collector->CollectUnlisted(session_id);
    if (!session.ok()) return session.status();
    if (!session->has_value()) return absl::OkStatus();
    tally->Add((*session)->outcome, (*session)->session_id);
    if ((*session)->outcome != Collected::kGone) tally->unlisted.push_back((*session)->session_id);
    absl::Status stopped = signals.Check();
    if (!stopped.ok()) return stopped;
  }
}

// Collects every session that the server lists, no faster than the options say.
absl::Status CollectAll(CommandContext& context, const CreateOptions& options, const SignalWatcher& signals,
                        Collector* collector, BackupTally* tally) {
  Progress progress(context.output().json());
  const auto listing = context.client().ListSessions({}, [&](const client::SessionSummary& session) {
    progress.Show("sessions:", tally->sessions(), 0);
    absl::Status status = CollectUnlisted(collector, session.session_id, signals, tally);
    if (!status.ok()) return status;
    const absl::Time begin = absl::Now();
    const std::uint64_t bytes_before = collector->bytes_read();
    const absl::StatusOr<Collected> collected = collector->Collect(session);
    if (!collected.ok()) {
      return WithMessage(collected.status(),
                         absl::StrCat("session ", session.session_id, ": ", collected.status().message()));
    }
    tally->Add(*collected, session.session_id);
    if (options.rate == 0) return signals.Check();
    // Between sessions, as the server keeps the snapshot of one for as long as it is read.
    const absl::Duration due = absl::Seconds(1) * (collector->bytes_read() - bytes_before) / options.rate;
    return signals.Sleep(begin + due - absl::Now());
  });
  if (!listing.ok()) return listing.status();
  tally->unaddressable = listing->unaddressable_ids;
  return CollectUnlisted(collector, std::nullopt, signals, tally);
}

// What is saved from another store than the files before is saved by mistake, or after a move.
absl::Status CheckStore(const CreateOptions& options, const BackupListing& list, const std::string& store_id) {
  if (options.other_store || list.files.empty()) return absl::OkStatus();
  const BackupFile& newest = list.files.back();
  if (!newest.header.IsOfAnotherStore(store_id)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(newest.path, " is of another store (", newest.header.store_id, ") than the server's (", store_id,
                   "): is it the right server and the right folder? --other-store says that they are"));
}

// Many sessions that are gone at once are gone by mistake, or not shown to this token.
absl::Status CheckDrop(const CreateOptions& options, const Collector& collector) {
  const std::uint64_t vanished = collector.vanished();
  if (options.allow_drop || vanished <= kFewSessions || vanished * kPartOfAll <= collector.known()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(vanished, " of the ", Count(collector.known(), "session"),
                   " of the newest backup are not on the server any more: is it the right server and the right token? "
                   "--allow-drop says that they were deleted"));
}

// A store that shows nothing may be the wrong one, or be shown to somebody who may see nothing.
absl::Status CheckNotEmpty(const CreateOptions& options, const BackupListing& list, const Keyring& keyring) {
  if (options.allow_empty || list.files.empty()) return absl::OkStatus();
  const absl::StatusOr<std::unique_ptr<RecordReader>> newest = RecordReader::Open(list.files.back().path, keyring);
  const auto footer = newest.ok() ? (*newest)->ReadFooter() : absl::StatusOr<backup::v1::Footer>(newest.status());
  if (footer.ok() && footer->sessions() == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the server shows no session, and ", list.files.back().path,
                   " has some: is it the right server and the right token? --allow-empty says that it is"));
}

// Reads all of the file, which has to be what was written.
absl::StatusOr<VerifiedBackup> ReadBack(const UnfinishedBackup& file, const Keyring& keyring,
                                        const SignalWatcher& signals, const BackupTotals& written, bool quiet) {
  Progress progress(quiet);
  absl::StatusOr<VerifiedBackup> verified = VerifyBackup(file.path(), keyring, [&](std::uint64_t sessions) {
    progress.Show("reading back:", sessions, written.sessions);
    return signals.Check();
  });
  if (verified.ok() && !(verified->totals == written)) {
    return absl::DataLossError("what was read back is not what was written");
  }
  return verified;
}

// Makes the file, which has been read back, a backup.
absl::StatusOr<MadeBackup> Publish(const BackupFolderLock& lock, VerifiedBackup verified, UnfinishedBackup* file) {
  absl::StatusOr<std::string> path = file->Publish(verified.header);
  if (!path.ok()) return path.status();
  const absl::Status synced = lock.Sync();
  if (!synced.ok()) return synced;
  return MadeBackup{*std::move(path), std::move(verified)};
}

// Of the files that were never finished, the longest is as far as any run has come.
absl::Status KeepLongest(const BackupFolderLock& lock, const BackupListing& list) {
  absl::Status status;
  for (std::size_t i = 1; i < list.unfinished.size() && status.ok(); ++i) status = lock.Delete(list.unfinished[i]);
  return status;
}

// The error of a run that made no backup. Where it `goes_on`, the file stays for the next run; a disk that takes no
// more needs the room of all that was never finished.
absl::Status Unmade(const BackupFolderLock& lock, const UnfinishedBackup& file, const BackupListing& list,
                    const absl::Status& why, bool goes_on, std::uint64_t sessions) {
  if (!goes_on) {
    (void)lock.Delete(file.path());
    if (!list.unfinished.empty()) (void)lock.Delete(list.unfinished.front());
    return why;
  }
  return WithMessage(why, absl::StrCat(why.message(), "; ", Count(sessions, "session"),
                                       " done: run it again, and it goes on with those"));
}

absl::Status CreateBackup(CommandContext& context, const CreateOptions& options) {
  const auto keyring = ReadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  if ((*keyring)->active().empty()) {
    return absl::InvalidArgumentError("no key of the keyring is active, and a backup is never written in plain");
  }
  const absl::StatusOr<BackupFolderLock> lock = BackupFolderLock::Take(options.folder);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<BackupListing> list = ListBackups(options.folder);
  if (!list.ok()) return list.status();
  absl::Status status = KeepLongest(*lock, *list);
  if (!status.ok()) return status;
  const absl::Time begin = absl::Now();
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  const absl::StatusOr<std::string> store_id = client.StoreId();
  if (!store_id.ok()) return store_id.status();
  status = CheckStore(options, *list, *store_id);
  if (!status.ok()) return status;
  absl::StatusOr<UnfinishedBackup> file = UnfinishedBackup::Create(options.folder);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::unique_ptr<RecordWriter>> records =
      RecordWriter::Begin(file->fd(), **keyring, list->next_number, begin, *store_id);
  if (!records.ok()) return records.status();
  BackupWriter writer(*std::move(records));
  for (const FolderProblem& problem : list->unreadable) context.output().Warn(problem.reason);
  EarlierBackups earlier(*list, **keyring, *store_id,
                         [&](const std::string& warning) { context.output().Warn(warning); });
  Collector collector(
      client, writer,
      {!options.full, [&](absl::Duration wait) { return signals.Sleep(wait); }, [&] { return earlier.OpenNext(); }});
  if (auto unfinished = earlier.OpenUnfinished()) collector.AddSource(std::move(unfinished), /*finished=*/false);
  if (auto newest = earlier.OpenNext()) collector.AddSource(std::move(newest), /*finished=*/true);
  BackupTally tally;
  status = CollectAll(context, options, signals, &collector, &tally);
  for (const absl::Status& error : collector.source_errors()) context.output().Warn(error.message());
  const bool ended_early = !status.ok();
  if (status.ok()) {
    status = tally.sessions() == 0 ? CheckNotEmpty(options, *list, **keyring) : CheckDrop(options, collector);
  }
  if (status.ok()) status = writer.Finish();
  const bool quiet = context.output().json();
  absl::StatusOr<VerifiedBackup> verified = status.ok() ? ReadBack(*file, **keyring, signals, writer.totals(), quiet)
                                                        : absl::StatusOr<VerifiedBackup>(status);
  // One that is right stays, also where it cannot be given its name.
  const bool goes_on =
      !collector.write_failed() && (ended_early || verified.ok() || absl::IsCancelled(verified.status()));
  absl::StatusOr<MadeBackup> made =
      verified.ok() ? Publish(*lock, *std::move(verified), &*file) : absl::StatusOr<MadeBackup>(verified.status());
  if (!made.ok()) return Unmade(*lock, *file, *list, made.status(), goes_on, tally.sessions());
  if (!list->unfinished.empty()) status = lock->Delete(list->unfinished.front());
  if (!status.ok()) return status;
  const absl::Duration took = absl::Now() - begin;
  tally.earlier_damage = collector.source_errors().size();
  tally.at_home = collector.at_home();
  const absl::Status measured =
      options.metrics_file.empty() ? absl::OkStatus() : WriteBackupMetrics(options.metrics_file, *made, tally, took);
  status = ReportBackup(context.output(), *made, tally, took);
  if (status.ok()) status = measured;
  return status.ok() ? JudgeBackup(tally) : status;
}

}  // namespace

Command BackupCreate(Action* action) {
  const auto options = std::make_shared<CreateOptions>();
  Command command = Leaf(
      "create", "Save all sessions, each from one snapshot, in a new encrypted file, which is read back", options,
      WithBackupKeyring(
          &options->keyring,
          {BackupFolderArgument(&options->folder),
           profiles::Number("--rate", &options->rate, 1, kMaxRate,
                            "How many bytes of values a second to ask the server for at most"),
           Flag("--full", &options->full, "Read every session anew, also those that the newest backup has as they are"),
           Flag("--allow-empty", &options->allow_empty, "Save a store without a session after one with some"),
           Flag("--allow-drop", &options->allow_drop,
                "Save also where more than ten sessions, and more than a tenth of all, are gone since the newest "
                "backup"),
           Flag("--other-store", &options->other_store,
                "Save also where the newest backup is of another store, and take nothing over from it"),
           MetricsFile(&options->metrics_file)}),
      CreateBackup, action);
  command.footer =
      "Every file is complete in itself. Sessions that have not changed since the newest one are taken from there and "
      "not\n"
      "read again, but those of the legacy tables. Run again after it ended early, however that was, it goes on.";
  return command;
}

}  // namespace authstate::cli
