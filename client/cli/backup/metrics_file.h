#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_METRICS_FILE_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_METRICS_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace authstate::cli {

// One gauge without labels.
struct Metric {
  std::string name;
  std::string help;
  double value = 0;
};

// The metrics as text in the exposition format of Prometheus, which its textfile collector reads.
std::string MetricsText(const std::vector<Metric>& metrics);

// Puts them in a file that everybody may read, and that whoever reads finds whole: it is written beside, under a name
// that node_exporter passes over, and renamed. Errors name the path: FailedPrecondition for what the caller can mend,
// else Internal.
absl::Status WriteMetricsFile(const std::string& path, const std::vector<Metric>& metrics);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_METRICS_FILE_H_
