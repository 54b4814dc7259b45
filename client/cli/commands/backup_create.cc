#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/collector.h"
#include "client/cli/backup/metrics_file.h"
#include "client/cli/backup/verification.h"
#include "client/cli/commands/backup.h"
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

// What became of the sessions.
struct Tally {
  std::uint64_t read = 0;
  std::uint64_t taken_over = 0;
  std::vector<std::string> kept;
  std::vector<std::string> damaged;
  // Those of the above that the server did not list.
  std::vector<std::string> unlisted;

  std::uint64_t sessions() const { return read + taken_over + kept.size() + damaged.size(); }

  void Add(Collected collected, const std::string& session_id) {
    switch (collected) {
      case Collected::kRead:
        ++read;
        return;
      case Collected::kTakenOver:
        ++taken_over;
        return;
      case Collected::kKept:
        kept.push_back(session_id);
        return;
      case Collected::kDamaged:
        damaged.push_back(session_id);
        return;
      case Collected::kGone:
        return;
    }
  }
};

// Gives `collector` what there is of earlier files of this store: that of a run which ended early, and the newest.
void AddSources(const Output& output, const BackupListing& list, const Keyring& keyring, const std::string& store_id,
                Collector* collector) {
  if (!list.unfinished.empty()) {
    absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(list.unfinished.front(), keyring);
    const bool usable = reader.ok() && !IsOfAnotherStore((*reader)->header(), store_id);
    if (usable) collector->AddSource(*std::move(reader), /*finished=*/false);
  }
  for (const FolderProblem& file : list.unreadable) output.Warn(file.reason);
  for (auto file = list.files.rbegin(); file != list.files.rend(); ++file) {
    absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(file->path, keyring);
    if (!reader.ok()) {
      output.Warn(absl::StrCat(reader.status().message(), "; nothing is taken over from it"));
    } else if (!file->has_end) {
      output.Warn(absl::StrCat(file->path, " has no end; nothing is taken over from it"));
    } else if (!IsOfAnotherStore((*reader)->header(), store_id)) {
      return collector->AddSource(*std::move(reader), /*finished=*/true);
    }
  }
}

// Collects the sessions before `session_id` (nullopt: all others) that earlier files have and the server did not list.
absl::Status CollectUnlisted(Collector* collector, const std::optional<std::string>& session_id,
                             const SignalWatcher& signals, Tally* tally) {
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
                        Collector* collector, Tally* tally) {
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
  for (const std::string& id : listing->unaddressable_ids) {
    context.output().Warn(absl::StrCat("a session is left out, as no call can name it: ", id));
  }
  return CollectUnlisted(collector, std::nullopt, signals, tally);
}

// What is saved from another store than the files before is saved by mistake, or after a move.
absl::Status CheckStore(const CreateOptions& options, const BackupListing& list, const std::string& store_id) {
  if (options.other_store || list.files.empty()) return absl::OkStatus();
  const BackupFile& newest = list.files.back();
  if (!IsOfAnotherStore(newest.header, store_id)) return absl::OkStatus();
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

struct Made {
  std::string path;
  VerifiedBackup verified;
};

// Makes the file a backup: once it has been read back.
absl::StatusOr<Made> Publish(const BackupFolderLock& lock, const Keyring& keyring, const SignalWatcher& signals,
                             const BackupTotals& written, UnfinishedBackup* file, Progress* progress) {
  absl::StatusOr<VerifiedBackup> verified = VerifyBackup(file->path(), keyring, [&](std::uint64_t sessions) {
    progress->Show("reading back:", sessions, written.sessions);
    return signals.Check();
  });
  if (!verified.ok()) return verified.status();
  if (!(verified->totals == written)) return absl::DataLossError("what was read back is not what was written");
  absl::StatusOr<std::string> path = file->Publish(verified->header);
  if (!path.ok()) return path.status();
  const absl::Status synced = lock.Sync();
  if (!synced.ok()) return synced;
  return Made{*std::move(path), *std::move(verified)};
}

absl::Status Report(Output& output, const Made& made, const Tally& tally, absl::Duration took) {
  const BackupTotals& totals = made.verified.totals;
  if (output.json()) {
    return output.WriteJson({{"file", made.path},
                             {"number", made.verified.header.number},
                             {"sessions", totals.sessions},
                             {"keys", totals.keys},
                             {"value_bytes", totals.value_bytes},
                             {"read", tally.read},
                             {"taken_over", tally.taken_over},
                             {"kept", tally.kept},
                             {"damaged", tally.damaged},
                             {"unlisted", tally.unlisted},
                             {"seconds", absl::ToDoubleSeconds(took)}});
  }
  for (const std::string& id : tally.kept) {
    absl::Status written =
        output.WriteLine(absl::StrCat("session ", id, " cannot be read; the backup has it as an earlier one had it"));
    if (!written.ok()) return written;
  }
  for (const std::string& id : tally.damaged) {
    absl::Status written =
        output.WriteLine(absl::StrCat("session ", id, " cannot be read, and the newest backup does not have it"));
    if (!written.ok()) return written;
  }
  for (const std::string& id : tally.unlisted) {
    absl::Status written = output.WriteLine(absl::StrCat("session ", id, " is not in the server's list of sessions"));
    if (!written.ok()) return written;
  }
  return output.WriteLine(absl::StrCat("saved ", Count(totals.sessions, "session"), " with ", Count(totals.keys, "key"),
                                       " and ", totals.value_bytes, " bytes of values to ", made.path, ": ", tally.read,
                                       " read, ", tally.taken_over,
                                       " unchanged since the last one; read back and right, in ",
                                       absl::FormatDuration(absl::Trunc(took, absl::Milliseconds(1)))));
}

absl::Status WriteMetrics(const CreateOptions& options, const Made& made, std::size_t unread, absl::Duration took) {
  if (options.metrics_file.empty()) return absl::OkStatus();
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(made.path, error);
  const BackupTotals& totals = made.verified.totals;
  return WriteMetricsFile(
      options.metrics_file,
      {{"authstate_backup_last_success_timestamp_seconds", "When the last backup was finished and read back.",
        absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch())},
       {"authstate_backup_last_duration_seconds", "How long the last backup took.", absl::ToDoubleSeconds(took)},
       {"authstate_backup_last_sessions", "Sessions in the last backup.", static_cast<double>(totals.sessions)},
       {"authstate_backup_last_keys", "Keys in the last backup.", static_cast<double>(totals.keys)},
       {"authstate_backup_last_value_bytes", "Bytes of values in the last backup, not compressed.",
        static_cast<double>(totals.value_bytes)},
       {"authstate_backup_last_file_bytes", "Size of the last backup's file.",
        error ? 0.0 : static_cast<double>(bytes)},
       {"authstate_backup_last_unread_sessions", "Sessions that the last backup could not read from the server.",
        static_cast<double>(unread)}});
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
  Collector collector(client, writer, {!options.full, [&](absl::Duration wait) { return signals.Sleep(wait); }});
  AddSources(context.output(), *list, **keyring, *store_id, &collector);
  Tally tally;
  status = CollectAll(context, options, signals, &collector, &tally);
  for (const absl::Status& error : collector.source_errors()) context.output().Warn(error.message());
  const bool ended_early = !status.ok();
  if (status.ok()) {
    status = tally.sessions() == 0 ? CheckNotEmpty(options, *list, **keyring) : CheckDrop(options, collector);
  }
  if (status.ok()) status = writer.Finish();
  Progress progress(context.output().json());
  absl::StatusOr<Made> made = status.ok() ? Publish(*lock, **keyring, signals, writer.totals(), &*file, &progress)
                                          : absl::StatusOr<Made>(status);
  const bool goes_on = !collector.write_failed() && (ended_early || absl::IsCancelled(made.status()));
  if (!made.ok()) return Unmade(*lock, *file, *list, made.status(), goes_on, tally.sessions());
  if (!list->unfinished.empty()) status = lock->Delete(list->unfinished.front());
  if (!status.ok()) return status;
  const absl::Duration took = absl::Now() - begin;
  const std::size_t unread = tally.kept.size() + tally.damaged.size();
  const absl::Status measured = WriteMetrics(options, *made, unread, took);
  status = Report(context.output(), *made, tally, took);
  if (status.ok()) status = measured;
  if (!status.ok()) return status;
  if (unread > 0) {
    return absl::DataLossError(
        absl::StrCat(Count(unread, "session"), " could not be read; the backup itself is right"));
  }
  if (tally.unlisted.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the server has ", Count(tally.unlisted.size(), "session"),
                                          " that it does not list; the backup has them, and is right"));
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
