#include "server/metrics/backup_figures.h"
#include "server/metrics/collectors.h"

namespace authstate::server {

void CollectBackups(const Observed& server, MetricFamilies* families) {
  if (server.backup_metrics.empty()) return;
  BackupFigures figures = ReadBackupFigures(server.backup_metrics);
  families
      ->Gauge("authstate_last_backup_success_timestamp_seconds",
              "When the last backup was finished and read back; 0: none is known.")
      .Add(figures.values["last_success_timestamp_seconds"]);
  families->Gauge("authstate_last_backup_unread_sessions", "Sessions that it lacks, or has as an earlier one had them.")
      .Add(figures.values["last_unread_sessions"]);
}

}  // namespace authstate::server
