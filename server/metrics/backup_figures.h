#ifndef AUTHSTATE_SERVER_METRICS_BACKUP_FIGURES_H_
#define AUTHSTATE_SERVER_METRICS_BACKUP_FIGURES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace authstate::server {

// What `authstatectl backup create` and `backup drill` have left of their last success (--metrics-file).
struct BackupFigures {
  // By the name of the metric, without `authstate_backup_`: `last_success_timestamp_seconds`.
  std::map<std::string, double> values;
  // Why one of the files could not be read; OK also where it is not there yet.
  absl::Status read;
};

// Reads the files anew, of each 64 KiB at most. Blocks as long as the disk does.
BackupFigures ReadBackupFigures(const std::vector<std::string>& files);

// The figures in a text of the exposition format of Prometheus, as WriteMetricsFile of the command line writes it. What
// is none of them is left out. Pure.
std::map<std::string, double> ParseBackupFigures(absl::string_view text);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_BACKUP_FIGURES_H_
