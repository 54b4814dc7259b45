#include "client/cli/terminal/text.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace authstate::cli {
namespace {

constexpr unsigned char kFirstPrintable = 0x20;
constexpr unsigned char kDelete = 0x7f;
// U+0080 to U+009F, the control characters beyond ASCII, are 0xc2 and one of these in UTF-8.
constexpr unsigned char kC1Lead = 0xc2;
constexpr unsigned char kC1First = 0x80;
constexpr unsigned char kC1Last = 0x9f;

std::string Escaped(unsigned char byte) { return absl::StrCat("\\x", absl::Hex(byte, absl::kZeroPad2)); }

}  // namespace

std::string Printable(absl::string_view text) {
  std::string printable;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte < kFirstPrintable || byte == kDelete) {
      printable += Escaped(byte);
    } else if (byte == kC1Lead && next >= kC1First && next <= kC1Last) {
      printable += Escaped(byte) + Escaped(next);
      ++i;
    } else {
      printable.push_back(text[i]);
    }
  }
  return printable;
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], row[column].size());
    }
  }
  std::string table;
  for (const auto& row : rows) {
    for (std::size_t column = 0; column + 1 < row.size(); ++column) {
      absl::StrAppend(&table, row[column], std::string(widths[column] - row[column].size() + 2, ' '));
    }
    absl::StrAppend(&table, row.empty() ? "" : row.back(), "\n");
  }
  return table;
}

std::string Count(std::uint64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()); }

std::string HidePhoneNumbers(std::string text) {
  constexpr std::ptrdiff_t kShown = 2;
  constexpr std::ptrdiff_t kLeastDigits = 7;
  const auto is_digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  for (auto begin = text.begin(); begin != text.end();) {
    begin = std::find_if(begin, text.end(), is_digit);
    const auto end = std::find_if_not(begin, text.end(), is_digit);
    if (end - begin >= kLeastDigits) std::fill(begin + kShown, end - kShown, '*');
    begin = end;
  }
  return text;
}

absl::Status WithMessage(const absl::Status& status, absl::string_view message) {
  absl::Status renamed(status.code(), message);
  status.ForEachPayload(
      [&renamed](absl::string_view type_url, const absl::Cord& payload) { renamed.SetPayload(type_url, payload); });
  return renamed;
}

}  // namespace authstate::cli
