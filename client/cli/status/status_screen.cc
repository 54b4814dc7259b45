#include "client/cli/status/status_screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/status/status_text.h"

namespace authstate::cli {
namespace {

constexpr std::size_t kNameColumns = 16;
constexpr std::size_t kLeastGroupColumns = 46;
constexpr std::size_t kGap = 2;
// The widest that a plot becomes, and its width where the output is no terminal and has no width of its own.
constexpr std::size_t kPlotColumns = 60;

constexpr absl::string_view kBold = "\033[1m";
constexpr absl::string_view kGood = "\033[1;32m";
constexpr absl::string_view kLook = "\033[1;33m";
constexpr absl::string_view kBad = "\033[1;31m";
constexpr absl::string_view kPlain = "\033[0m";
constexpr absl::string_view kEnterScreen = "\033[?1049h\033[?25l";
constexpr absl::string_view kLeaveScreen = "\033[?25h\033[?1049l";
constexpr absl::string_view kHome = "\033[H";
constexpr absl::string_view kRestOfLine = "\033[K";
constexpr absl::string_view kRestOfScreen = "\033[J";

// A line without colours, and the one that it has as a whole.
struct Line {
  std::string text;
  absl::string_view colour = "";
};

bool BeginsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

std::size_t Columns(absl::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), BeginsCharacter));
}

// `text` in exactly so many columns, a `~` at the end of what does not fit.
std::string Fit(std::string text, std::size_t columns) {
  const std::size_t has = Columns(text);
  if (has <= columns) return text + std::string(columns - has, ' ');
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if (BeginsCharacter(text[end]) && ++seen == columns) break;
  }
  text.resize(end);
  return columns == 0 ? "" : text + "~";
}

std::string RowText(const StatusRow& row) {
  return absl::StrCat(row.look ? "! " : "  ", Fit(row.name, kNameColumns), " ", row.text);
}

// What needs a look, of all groups: it has the width of the screen, and is seen on the smallest.
std::vector<Line> LooksOf(const std::vector<StatusGroup>& groups) {
  std::vector<Line> lines;
  for (const StatusGroup& group : groups) {
    for (const StatusRow& row : group.rows) {
      if (row.look) lines.push_back({RowText({group.title, absl::StrCat(row.name, " ", row.text), true}), kLook});
    }
  }
  return lines;
}

std::vector<Line> LinesOf(const StatusGroup& group) {
  std::vector<Line> lines{{group.title, kBold}};
  for (const StatusRow& row : group.rows) lines.push_back({RowText(row), row.look ? kLook : ""});
  lines.push_back({});
  return lines;
}

std::string Painted(const Line& line, bool colours) {
  return colours && !line.colour.empty() ? absl::StrCat(line.colour, line.text, kPlain) : line.text;
}

// The groups beside each other, each under the column that is the shortest so far.
std::vector<std::string> SideBySide(const std::vector<StatusGroup>& groups, std::size_t columns, bool colours) {
  const std::size_t beside = std::max<std::size_t>(1, columns / (kLeastGroupColumns + kGap));
  const std::size_t width = columns == 0 ? 0 : columns / beside - (beside > 1 ? kGap : 0);
  std::vector<std::vector<Line>> stacks(beside);
  for (const StatusGroup& group : groups) {
    auto& shortest = *std::min_element(stacks.begin(), stacks.end(),
                                       [](const auto& a, const auto& b) { return a.size() < b.size(); });
    for (Line& line : LinesOf(group)) {
      if (width > 0) line.text = Fit(std::move(line.text), width);
      shortest.push_back(std::move(line));
    }
  }
  std::size_t height = 0;
  for (const auto& stack : stacks) height = std::max(height, stack.size());
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < height; ++i) {
    std::vector<std::string> cells;
    for (const auto& stack : stacks) {
      cells.push_back(i < stack.size() ? Painted(stack[i], colours) : std::string(width, ' '));
    }
    lines.push_back(absl::StrJoin(cells, std::string(kGap, ' ')));
  }
  return lines;
}

}  // namespace

std::vector<std::string> StatusLines(const Json& status, const LostServer* lost, ScreenSize size, bool colours) {
  std::vector<Line> head;
  if (lost != nullptr) {
    head.push_back(
        {absl::StrCat("! no answer from the server (", lost->why, "); what stands here is of ", lost->answered), kBad});
  }
  const StatusRow verdict = VerdictOf(status);
  head.push_back({absl::StrCat("authstate ", TextOf(status, "version"), " on ", TextOf(status, "address"), ", ",
                               TextOf(status, "now")),
                  kBold});
  head.push_back(
      {absl::StrCat(verdict.look ? "! " : "  ", verdict.name, " ", verdict.text), verdict.look ? kBad : kGood});
  const std::vector<StatusGroup> groups = StatusGroups(status);
  for (Line& line : LooksOf(groups)) head.push_back(std::move(line));
  head.push_back({});
  // A character in the last column would move the next one to the line below.
  const std::size_t columns = size.columns == 0 ? 0 : size.columns - 1;
  for (const StatusPlot& plot : StatusPlots(status)) {
    const std::string name = absl::StrCat("  ", Fit(plot.name, 9));
    const std::size_t taken = Columns(name) + Columns(plot.text) + 2;
    const std::size_t room = columns == 0 ? kPlotColumns : columns > taken ? columns - taken : 0;
    const std::size_t bars = std::min(room, kPlotColumns);
    head.push_back({absl::StrCat(name, Fit(Bars(plot.values, bars), bars), "  ", plot.text)});
  }
  head.push_back({});
  std::vector<std::string> lines;
  for (Line& line : head) {
    if (columns > 0) line.text = Fit(std::move(line.text), columns);
    lines.push_back(Painted(line, colours));
  }
  for (std::string& line : SideBySide(groups, columns, colours)) lines.push_back(std::move(line));
  if (size.rows > 0 && lines.size() > size.rows) {
    const std::size_t hidden = lines.size() - size.rows + 1;
    lines.resize(size.rows - 1);
    lines.push_back(Fit(absl::StrCat("(", hidden, " lines more: make the terminal larger, or give --once)"), columns));
  }
  return lines;
}

StatusScreen::StatusScreen() {
  (void)std::fwrite(kEnterScreen.data(), 1, kEnterScreen.size(), stdout);
  (void)std::fflush(stdout);
}

StatusScreen::~StatusScreen() {
  (void)std::fwrite(kLeaveScreen.data(), 1, kLeaveScreen.size(), stdout);
  (void)std::fflush(stdout);
}

ScreenSize StatusScreen::Size() {
  winsize size{};
  constexpr ScreenSize kUsual = {80, 24};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return kUsual;
  return {size.ws_col, size.ws_row};
}

bool StatusScreen::Show(const std::vector<std::string>& lines) {
  const std::string frame =
      absl::StrCat(kHome, absl::StrJoin(lines, absl::StrCat(kRestOfLine, "\r\n")), kRestOfLine, kRestOfScreen);
  return std::fwrite(frame.data(), 1, frame.size(), stdout) == frame.size() && std::fflush(stdout) == 0;
}

}  // namespace authstate::cli
