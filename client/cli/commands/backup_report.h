#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_BACKUP_REPORT_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_BACKUP_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/backup/collector.h"
#include "client/cli/backup/verification.h"
#include "client/cli/terminal/output.h"

// What `backup create` tells of a backup that it has made.
namespace authstate::cli {

// What became of the sessions.
struct BackupTally {
  std::uint64_t read = 0;
  std::uint64_t taken_over = 0;
  std::vector<std::string> kept;
  std::vector<std::string> damaged;
  // Those of the above that the server did not list.
  std::vector<std::string> unlisted;
  // Those of the above that have their home on another server (Collector::at_home).
  std::vector<std::string> at_home;
  // Those that no call can name, and that are not saved therefore.
  std::vector<std::string> unaddressable;
  // How many damaged places were met in the earlier backups that this one builds upon.
  std::size_t earlier_damage = 0;

  std::uint64_t sessions() const { return read + taken_over + kept.size() + damaged.size(); }
  // How many could not be read, with those that cannot be named.
  std::size_t unread() const { return kept.size() + damaged.size() + unaddressable.size(); }
  void Add(Collected collected, const std::string& session_id);
};

struct MadeBackup {
  std::string path;
  VerifiedBackup verified;
};

absl::Status ReportBackup(Output& output, const MadeBackup& made, const BackupTally& tally, absl::Duration took);

// Leaves the metrics of docs/backup.md in the file `path`. Fails as WriteMetricsFile.
absl::Status WriteBackupMetrics(const std::string& path, const MadeBackup& made, const BackupTally& tally,
                                absl::Duration took);

// DataLoss where somebody has to look after what the server, or an earlier backup, has lost.
absl::Status JudgeBackup(const BackupTally& tally);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_BACKUP_REPORT_H_
