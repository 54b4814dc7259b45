#include "client/cli/backup/metrics_file.h"

#include <sys/stat.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/folder/file_io.h"

namespace authstate::cli {
namespace {

constexpr mode_t kReadableByAll = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;

}  // namespace

std::string MetricsText(const std::vector<Metric>& metrics) {
  std::string text;
  for (const Metric& metric : metrics) {
    // More digits than a clock has.
    absl::StrAppend(&text, "# HELP ", metric.name, " ", metric.help, "\n# TYPE ", metric.name, " gauge\n", metric.name,
                    absl::StrFormat(" %.15g\n", metric.value));
  }
  return text;
}

absl::Status WriteMetricsFile(const std::string& path, const std::vector<Metric>& metrics) {
  const std::string beside = absl::StrCat(path, ".new");
  // What a run that ended early has left.
  (void)std::remove(beside.c_str());
  absl::Status status = WriteNewFile(beside, MetricsText(metrics));
  if (status.ok() && (chmod(beside.c_str(), kReadableByAll) != 0 || std::rename(beside.c_str(), path.c_str()) != 0)) {
    status = SystemError("cannot be put in its place");
  }
  if (status.ok()) return status;
  (void)std::remove(beside.c_str());
  return absl::Status(status.code(), absl::StrCat("the metrics file ", path, ": ", status.message()));
}

}  // namespace authstate::cli
