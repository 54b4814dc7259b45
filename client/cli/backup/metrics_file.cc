#include "client/cli/backup/metrics_file.h"

#include <sys/stat.h>

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/cli/folder/file_io.h"

namespace authstate::cli {
namespace {

constexpr mode_t kReadableByAll = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
// A larger file is none of ours, and is not read.
constexpr std::size_t kMostBytes = std::size_t{1} << 20;

}  // namespace

std::string MetricsText(const std::vector<Metric>& metrics) {
  std::string text;
  for (const Metric& metric : metrics) {
    const std::string labels = metric.label.empty() ? "" : absl::StrCat("{", metric.label, "}");
    // More digits than a clock has.
    absl::StrAppend(&text, "# HELP ", metric.name, " ", metric.help, "\n# TYPE ", metric.name, " gauge\n", metric.name,
                    labels, absl::StrFormat(" %.15g\n", metric.value));
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

std::map<std::string, double> ParseMetrics(absl::string_view text) {
  std::map<std::string, double> values;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> pair = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    double value = 0;
    if (pair.first != "#" && absl::SimpleAtod(pair.second, &value)) values[std::string(pair.first)] = value;
  }
  return values;
}

absl::StatusOr<std::map<std::string, double>> ReadMetricsFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) {
    return absl::NotFoundError(absl::StrCat("there is no metrics file ", path));
  }
  const absl::StatusOr<std::string> text = ReadFile(path, kMostBytes, Links::kFollowed);
  if (text.ok()) return ParseMetrics(*text);
  return absl::Status(text.status().code(), absl::StrCat("the metrics file ", path, ": ", text.status().message()));
}

}  // namespace authstate::cli
