#include "server/metrics/backup_figures.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace authstate::server {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 10;
constexpr absl::string_view kPrefix = "authstate_backup_";

// Empty where it is not there.
absl::StatusOr<std::string> Read(const std::string& path) {
  // What never answers, as a pipe without a writer, is not waited for.
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return "";
  if (file < 0) return absl::UnavailableError(std::strerror(errno));
  const absl::Cleanup close_file = [file] { close(file); };
  std::string text(kMostBytes, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t part = read(file, text.data() + size, text.size() - size);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return absl::UnavailableError(std::strerror(errno));
    if (part == 0) break;
    size += static_cast<std::size_t>(part);
  }
  text.resize(size);
  return text;
}

}  // namespace

BackupFigures ReadBackupFigures(const std::vector<std::string>& files) {
  BackupFigures figures;
  for (const std::string& path : files) {
    const absl::StatusOr<std::string> text = Read(path);
    if (text.ok()) {
      figures.values.merge(ParseBackupFigures(*text));
    } else {
      figures.read.Update(
          absl::Status(text.status().code(), absl::StrCat(path, " cannot be read: ", text.status().message())));
    }
  }
  return figures;
}

std::map<std::string, double> ParseBackupFigures(absl::string_view text) {
  std::map<std::string, double> figures;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, kPrefix)) continue;
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    double value = 0;
    if (absl::SimpleAtod(parts.second, &value) && std::isfinite(value) && value >= 0) {
      figures.insert_or_assign(std::string(parts.first), value);
    }
  }
  return figures;
}

}  // namespace authstate::server
