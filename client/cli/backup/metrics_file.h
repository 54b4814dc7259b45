#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_METRICS_FILE_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_METRICS_FILE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace authstate::cli {

// What `backup drill` leaves: when it last succeeded, and when the backup that it tried had been begun, in seconds
// since the Unix epoch.
inline constexpr char kDrillTimeMetric[] = "authstate_backup_drill_last_success_timestamp_seconds";
inline constexpr char kDrilledBackupTimeMetric[] = "authstate_backup_drill_last_backup_timestamp_seconds";

// One gauge.
struct Metric {
  std::string name;
  std::string help;
  double value = 0;
  // One label, whose value holds no quote, backslash or line break: `database="supabase"`. Empty: none.
  std::string label;
};

// The metrics as text in the exposition format of Prometheus, which its textfile collector reads.
std::string MetricsText(const std::vector<Metric>& metrics);

// Puts them in a file that everybody may read, and that whoever reads finds whole: it is written beside, under a name
// that node_exporter passes over, and renamed. Errors name the path: FailedPrecondition for what the caller can mend,
// else Internal.
absl::Status WriteMetricsFile(const std::string& path, const std::vector<Metric>& metrics);

// The values in such a text, by name; lines that are no metrics without labels are passed over.
std::map<std::string, double> ParseMetrics(absl::string_view text);

// The same of a file. NotFound when there is none; else errors as of WriteMetricsFile.
absl::StatusOr<std::map<std::string, double>> ReadMetricsFile(const std::string& path);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_METRICS_FILE_H_
