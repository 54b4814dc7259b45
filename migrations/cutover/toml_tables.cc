#include "migrations/cutover/toml_tables.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace authstate::cutover {
namespace {

constexpr absl::string_view kBlank = " \t";
constexpr absl::string_view kEscapes = "btnfr\"\\";
constexpr absl::string_view kEscaped = "\b\t\n\f\r\"\\";

bool IsKeyPart(unsigned char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; }

absl::Status Expected(absl::string_view what) { return absl::InvalidArgumentError(absl::StrCat(what, " is expected")); }

class TomlReader {
 public:
  TomlReader(absl::string_view text, absl::string_view array)
      : text_(absl::StrReplaceAll(text, {{"\r\n", "\n"}})), rest_(text_), head_(absl::StrCat("[[", array, "]]")) {}

  absl::StatusOr<std::vector<TomlTable>> Read() {
    while (true) {
      Skip(" \t\n");
      if (rest_.empty()) return std::move(tables_);
      absl::Status read = ReadLine();
      if (!read.ok()) {
        const auto line = 1 + std::count(text_.data(), rest_.data(), '\n');
        return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", read.message()));
      }
    }
  }

 private:
  void Skip(absl::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }

  absl::Status ReadLine() {
    if (absl::ConsumePrefix(&rest_, head_)) {
      tables_.emplace_back();
    } else if (rest_.front() != '#') {
      if (absl::Status read = ReadEntry(); !read.ok()) return read;
    }
    Skip(kBlank);
    if (!rest_.empty() && rest_.front() == '#') rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    return rest_.empty() || rest_.front() == '\n' ? absl::OkStatus() : Expected("the end of the line");
  }

  absl::Status ReadEntry() {
    const auto* const key_end = std::find_if_not(rest_.begin(), rest_.end(), IsKeyPart);
    const std::string key(rest_.begin(), key_end);
    if (key.empty() || tables_.empty()) return Expected(absl::StrCat(head_, tables_.empty() ? "" : " or a key"));
    rest_.remove_prefix(key.size());
    Skip(kBlank);
    if (!absl::ConsumePrefix(&rest_, "=")) return Expected(absl::StrCat("= after ", key));
    Skip(kBlank);
    std::string value;
    if (absl::Status read = ReadText(&value); !read.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(key, ": ", read.message()));
    }
    if (tables_.back().emplace(key, std::move(value)).second) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(key, " stands there twice"));
  }

  absl::Status ReadText(std::string* value) {
    const char quote = rest_.empty() ? '\0' : rest_.front();
    if (quote != '"' && quote != '\'') return Expected("a text in quotes");
    std::string end(3, quote);
    const bool of_lines = absl::ConsumePrefix(&rest_, end);
    if (of_lines) {
      absl::ConsumePrefix(&rest_, "\n");
    } else {
      end.resize(1);
      rest_.remove_prefix(1);
    }
    while (!absl::ConsumePrefix(&rest_, end)) {
      if (rest_.empty() || (rest_.front() == '\n' && !of_lines)) return Expected(absl::StrCat(end, " at the end"));
      if (quote == '"' && rest_.front() == '\\') {
        if (absl::Status read = ReadEscape(of_lines, value); !read.ok()) return read;
        continue;
      }
      const char c = rest_.front();
      if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t' && c != '\n') {
        return absl::InvalidArgumentError("it has a control character");
      }
      value->push_back(c);
      rest_.remove_prefix(1);
    }
    // Quotes right before the end are part of the text.
    while (of_lines && absl::ConsumePrefix(&rest_, end.substr(0, 1))) value->push_back(quote);
    return absl::OkStatus();
  }

  absl::Status ReadEscape(bool of_lines, std::string* value) {
    rest_.remove_prefix(1);
    const std::size_t known = rest_.empty() ? absl::string_view::npos : kEscapes.find(rest_.front());
    if (known != absl::string_view::npos) {
      value->push_back(kEscaped[known]);
      rest_.remove_prefix(1);
      return absl::OkStatus();
    }
    const absl::string_view before = rest_;
    Skip(kBlank);
    if (of_lines && !rest_.empty() && rest_.front() == '\n') {
      Skip(" \t\n");
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("\\", before.substr(0, 1), " is no escape that is known here"));
  }

  const std::string text_;
  absl::string_view rest_;
  const std::string head_;
  std::vector<TomlTable> tables_;
};

}  // namespace

absl::StatusOr<std::vector<TomlTable>> ParseTomlTables(absl::string_view text, absl::string_view array) {
  return TomlReader(text, array).Read();
}

}  // namespace authstate::cutover
