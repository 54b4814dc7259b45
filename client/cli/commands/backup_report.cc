#include "client/cli/commands/backup_report.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/backup/metrics_file.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

// A line for each of these sessions.
absl::Status WriteEach(Output& output, const std::vector<std::string>& ids, absl::string_view what) {
  for (const std::string& id : ids) {
    absl::Status written = output.WriteLine(absl::StrCat("session ", id, what));
    if (!written.ok()) return written;
  }
  return absl::OkStatus();
}

}  // namespace

void BackupTally::Add(Collected collected, const std::string& session_id) {
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

absl::Status ReportBackup(Output& output, const MadeBackup& made, const BackupTally& tally, absl::Duration took) {
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
                             {"at_home", tally.at_home},
                             {"unaddressable", tally.unaddressable},
                             {"earlier_damage", tally.earlier_damage},
                             {"seconds", absl::ToDoubleSeconds(took)}});
  }
  absl::Status written = WriteEach(output, tally.kept, " cannot be read; the backup has it as an earlier one had it");
  if (written.ok()) {
    written = WriteEach(output, tally.damaged, " cannot be read, and the newest backup does not have it");
  }
  if (written.ok()) written = WriteEach(output, tally.unlisted, " is not in the server's list of sessions");
  if (written.ok()) written = WriteEach(output, tally.unaddressable, " is left out, as no call can name it");
  if (!written.ok()) return written;
  if (!tally.at_home.empty()) {
    output.Warn(absl::StrCat(Count(tally.at_home.size(), "session"),
                             " with a home on another server: saved as last flushed from there, and without the fence; "
                             "that server would tell what it has not flushed"));
  }
  return output.WriteLine(absl::StrCat("saved ", Count(totals.sessions, "session"), " with ", Count(totals.keys, "key"),
                                       " and ", totals.value_bytes, " bytes of values to ", made.path, ": ", tally.read,
                                       " read, ", tally.taken_over,
                                       " unchanged since the last one; read back and right, in ",
                                       absl::FormatDuration(absl::Trunc(took, absl::Milliseconds(1)))));
}

absl::Status WriteBackupMetrics(const std::string& path, const MadeBackup& made, const BackupTally& tally,
                                absl::Duration took) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(made.path, error);
  const BackupTotals& totals = made.verified.totals;
  return WriteMetricsFile(
      path, {{"authstate_backup_last_success_timestamp_seconds", "When the last backup was finished and read back.",
              absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch())},
             {"authstate_backup_last_duration_seconds", "How long the last backup took.", absl::ToDoubleSeconds(took)},
             {"authstate_backup_last_sessions", "Sessions in the last backup.", static_cast<double>(totals.sessions)},
             {"authstate_backup_last_keys", "Keys in the last backup.", static_cast<double>(totals.keys)},
             {"authstate_backup_last_value_bytes", "Bytes of values in the last backup, not compressed.",
              static_cast<double>(totals.value_bytes)},
             {"authstate_backup_last_file_bytes", "Size of the last backup's file.",
              error ? 0.0 : static_cast<double>(bytes)},
             {"authstate_backup_last_unread_sessions",
              "Sessions that the last backup could not read from the server, or not name to it.",
              static_cast<double>(tally.unread())},
             {"authstate_backup_last_at_home_sessions",
              "Sessions in the last backup as another server, their home, had last flushed them.",
              static_cast<double>(tally.at_home.size())}});
}

absl::Status JudgeBackup(const BackupTally& tally) {
  const std::size_t unreadable = tally.kept.size() + tally.damaged.size();
  if (unreadable > 0) {
    return absl::DataLossError(
        absl::StrCat(Count(unreadable, "session"), " could not be read; the backup itself is right"));
  }
  if (!tally.unlisted.empty()) {
    return absl::DataLossError(absl::StrCat("the server has ", Count(tally.unlisted.size(), "session"),
                                            " that it does not list; the backup has them, and is right"));
  }
  if (!tally.unaddressable.empty()) {
    return absl::DataLossError(absl::StrCat(Count(tally.unaddressable.size(), "session"),
                                            " left out, as no call can name them; the backup itself is right"));
  }
  if (tally.earlier_damage == 0) return absl::OkStatus();
  return absl::DataLossError(
      "an earlier backup is damaged: a session that it alone knew, and that the server does not list, may be missing; "
      "the backup itself is right");
}

}  // namespace authstate::cli
