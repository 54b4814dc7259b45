#include "client/cli/terminal/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace authstate::cli {
namespace {

constexpr std::size_t kBarCells = 30;
// Back to the first column, and remove what stands in the line.
constexpr absl::string_view kClearLine = "\r\033[K";

void Draw(absl::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

}  // namespace

std::string ProgressLine(absl::string_view what, std::uint64_t done, std::uint64_t total) {
  if (total == 0) return absl::StrCat(what, " ", done);
  const auto filled = static_cast<std::size_t>(std::min(done, total) * kBarCells / total);
  std::string bar(filled, '=');
  if (filled < kBarCells) bar += '>';
  bar.resize(kBarCells, ' ');
  return absl::StrCat(what, " [", bar, "] ", done, "/", total);
}

Progress::Progress(bool quiet) : shown_(!quiet && isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (!line_.empty()) Draw(kClearLine);
}

void Progress::Show(absl::string_view what, std::uint64_t done, std::uint64_t total) {
  // Drawn only when the bar moves, and at the ends: a terminal is slower than a file.
  if (!shown_) return;
  const bool at_an_end = done == 0 || done == total;
  const bool moves =
      total == 0 || done * kBarCells / total != (done - std::min<std::uint64_t>(done, 1)) * kBarCells / total;
  if (!at_an_end && !moves) return;
  line_ = ProgressLine(what, done, total);
  Draw(absl::StrCat(kClearLine, line_));
}

}  // namespace authstate::cli
