#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/retention.h"
#include "client/cli/backup/verification.h"
#include "client/cli/commands/backup.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"

namespace authstate::cli {
namespace {

constexpr std::uint64_t kMostKept = 10'000;

struct PruneOptions {
  std::string folder;
  KeyringSource keyring;
  Retention retention;
  bool dry_run = false;
};

// Whether a file is right, all of which is read; where it is not, that is told.
absl::StatusOr<bool> IsRight(const Output& output, const BackupFile& file, const Keyring& keyring,
                             const SignalWatcher& signals) {
  Progress progress(output.json());
  const auto verified = VerifyBackup(file.path, keyring, [&](std::uint64_t sessions) {
    progress.Show("sessions read:", sessions, 0);
    return signals.Check();
  });
  if (verified.ok()) return true;
  if (absl::IsCancelled(verified.status())) return verified.status();
  output.Warn(verified.status().message());
  return false;
}

// The place of the newest file that is right; those after it are told. DataLoss where none is.
absl::StatusOr<std::size_t> FindNewestGood(const Output& output, const std::vector<BackupFile>& files,
                                           const Keyring& keyring, const SignalWatcher& signals) {
  for (std::size_t i = files.size(); i-- > 0;) {
    const absl::StatusOr<bool> right = IsRight(output, files[i], keyring, signals);
    if (!right.ok()) return right.status();
    if (*right) return i;
  }
  return absl::DataLossError("no backup is right; nothing was deleted");
}

absl::Status Prune(CommandContext& context, const PruneOptions& options) {
  if (options.retention.days == 0 && options.retention.weeks == 0) {
    return absl::InvalidArgumentError("--keep-daily or --keep-weekly is needed");
  }
  const auto keyring = ReadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  // A folder that is not there is a wrong one, and is not made.
  if (const auto there = ListBackups(options.folder); !there.ok()) return there.status();
  const absl::StatusOr<BackupFolderLock> lock = BackupFolderLock::Take(options.folder);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<BackupListing> list = ListBackups(options.folder);
  if (!list.ok()) return list.status();
  SignalWatcher signals;
  signals.Start([] {});
  Output& output = context.output();
  for (const FolderProblem& file : list->unreadable) output.Warn(absl::StrCat(file.reason, "; it stays"));
  // One that was cut is not counted: it would be kept in place of one that is whole.
  std::vector<BackupFile> files;
  for (const BackupFile& file : list->files) {
    if (file.has_end) {
      files.push_back(file);
    } else {
      output.Warn(absl::StrCat(file.path, " has no end; it stays"));
    }
  }
  // Those after the newest that is right are not either: they stay for whoever looks into it.
  std::size_t good = 0;
  if (!list->files.empty()) {
    const absl::StatusOr<std::size_t> newest = FindNewestGood(output, files, **keyring, signals);
    if (!newest.ok()) return newest.status();
    good = *newest + 1;
  }
  std::vector<absl::Time> times;
  for (std::size_t i = 0; i < good; ++i) times.push_back(files[i].header.create_time);
  const absl::StatusOr<std::vector<bool>> kept = KeptForRight(
      times, options.retention, [&](std::size_t place) { return IsRight(output, files[place], **keyring, signals); });
  if (!kept.ok()) return kept.status();
  Json deleted = Json::array();
  for (std::size_t i = 0; i < good; ++i) {
    if ((*kept)[i]) continue;
    absl::Status status = options.dry_run ? absl::OkStatus() : lock->Delete(files[i].path);
    if (status.ok() && !output.json()) {
      status = output.WriteLine(absl::StrCat(options.dry_run ? "would delete " : "deleted ", files[i].path));
    }
    if (!status.ok()) return status;
    deleted.push_back(files[i].path);
  }
  const absl::Status synced = lock->Sync();
  if (!synced.ok()) return synced;
  const std::size_t stay = files.size() - deleted.size();
  if (output.json()) return output.WriteJson({{"deleted", deleted}, {"kept", stay}, {"dry_run", options.dry_run}});
  return output.WriteLine(absl::StrCat(options.dry_run ? "would keep " : "kept ", stay, " of ", files.size()));
}

}  // namespace

Command BackupPrune(Action* action) {
  const auto options = std::make_shared<PruneOptions>();
  return Leaf(
      "prune", "Delete backups, but for one of each day and week, and never the newest one that is right", options,
      WithBackupKeyring(&options->keyring,
                        {BackupFolderArgument(&options->folder),
                         profiles::Number("--keep-daily", &options->retention.days, 1, kMostKept,
                                          "Keep the newest of each of so many days that have one"),
                         profiles::Number("--keep-weekly", &options->retention.weeks, 1, kMostKept,
                                          "Keep the newest of each of so many weeks that have one"),
                         Flag("--dry-run", &options->dry_run, "Tell what would be deleted, and delete nothing")}),
      Prune, action);
}

}  // namespace authstate::cli
