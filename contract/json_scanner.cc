#include "contract/json_scanner.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace authstate {
namespace {

constexpr std::size_t kUnicodeEscapeDigits = 4;

bool IsHex(absl::string_view digits) {
  return std::all_of(digits.begin(), digits.end(),
                     [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); });
}

std::uint32_t HexValue(absl::string_view digits) {
  std::uint32_t value = 0;
  (void)absl::SimpleHexAtoi(digits, &value);
  return value;
}

bool IsHighSurrogate(std::uint32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool IsLowSurrogate(std::uint32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

void AppendUtf8(std::uint32_t code_point, std::string* out) {
  const auto push = [out](std::uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0U | (code_point >> 6U));
    push(0x80U | (code_point & 0x3FU));
  } else if (code_point < 0x10000) {
    push(0xE0U | (code_point >> 12U));
    push(0x80U | ((code_point >> 6U) & 0x3FU));
    push(0x80U | (code_point & 0x3FU));
  } else {
    push(0xF0U | (code_point >> 18U));
    push(0x80U | ((code_point >> 12U) & 0x3FU));
    push(0x80U | ((code_point >> 6U) & 0x3FU));
    push(0x80U | (code_point & 0x3FU));
  }
}

// Takes one \uXXXX, or a pair of them that makes one code point, from the front of `rest`.
bool AppendUnicodeEscape(absl::string_view* rest, std::string* out) {
  const auto take = [rest] {
    const std::uint32_t unit = HexValue(rest->substr(2, kUnicodeEscapeDigits));
    rest->remove_prefix(2 + kUnicodeEscapeDigits);
    return unit;
  };
  const std::uint32_t unit = take();
  if (IsLowSurrogate(unit)) return false;
  if (!IsHighSurrogate(unit)) {
    AppendUtf8(unit, out);
    return true;
  }
  if (!absl::StartsWith(*rest, "\\u")) return false;
  const std::uint32_t low = take();
  if (!IsLowSurrogate(low)) return false;
  AppendUtf8(0x10000 + ((unit - 0xD800) << 10U) + (low - 0xDC00), out);
  return true;
}

char SimpleEscape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;  // " \ /
  }
}

}  // namespace

char JsonScanner::Peek() {
  while (offset_ < text_.size()) {
    const char c = text_[offset_];
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return c;
    ++offset_;
  }
  return '\0';
}

bool JsonScanner::AtEnd() {
  (void)Peek();
  return offset_ == text_.size();
}

bool JsonScanner::Consume(char c) {
  if (AtEnd() || text_[offset_] != c) return false;
  ++offset_;
  return true;
}

absl::StatusOr<absl::string_view> JsonScanner::String() {
  if (Peek() != '"') return ErrorAt(offset_, "expected a string");
  const std::size_t start = offset_++;
  while (offset_ < text_.size()) {
    const char c = text_[offset_];
    if (c == '"') {
      ++offset_;
      return text_.substr(start, offset_ - start);
    }
    if (static_cast<std::uint8_t>(c) < 0x20) return ErrorAt(offset_, "control character in a string");
    if (c == '\\') {
      absl::Status escape = Escape();
      if (!escape.ok()) return escape;
    } else {
      ++offset_;
    }
  }
  return ErrorAt(start, "string without an end");
}

absl::Status JsonScanner::Escape() {
  const std::size_t start = offset_;
  const char kind = offset_ + 1 < text_.size() ? text_[offset_ + 1] : '\0';
  offset_ += 2;
  if (kind == 'u') {
    const absl::string_view digits = text_.substr(std::min(offset_, text_.size()), kUnicodeEscapeDigits);
    if (digits.size() < kUnicodeEscapeDigits || !IsHex(digits)) return ErrorAt(start, "bad \\u escape");
    offset_ += kUnicodeEscapeDigits;
    return absl::OkStatus();
  }
  if (kind == '\0' || !absl::StrContains("\"\\/bfnrt", kind)) return ErrorAt(start, "bad escape");
  return absl::OkStatus();
}

bool JsonScanner::Digits() {
  const std::size_t start = offset_;
  while (offset_ < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[offset_]))) ++offset_;
  return offset_ > start;
}

absl::StatusOr<absl::string_view> JsonScanner::Number() {
  (void)Peek();
  const std::size_t start = offset_;
  const auto next_is = [this](char c) { return offset_ < text_.size() && text_[offset_] == c; };
  if (next_is('-')) ++offset_;
  if (next_is('0')) {
    ++offset_;
  } else if (!Digits()) {
    return ErrorAt(start, "expected a value");
  }
  if (next_is('.')) {
    ++offset_;
    if (!Digits()) return ErrorAt(start, "bad number");
  }
  if (next_is('e') || next_is('E')) {
    ++offset_;
    if (next_is('+') || next_is('-')) ++offset_;
    if (!Digits()) return ErrorAt(start, "bad number");
  }
  return text_.substr(start, offset_ - start);
}

absl::StatusOr<absl::string_view> JsonScanner::Literal() {
  (void)Peek();
  for (const absl::string_view literal : {"true", "false", "null"}) {
    if (absl::StartsWith(text_.substr(offset_), literal)) {
      offset_ += literal.size();
      return literal;
    }
  }
  return ErrorAt(offset_, "expected a value");
}

absl::Status JsonScanner::ErrorAt(std::size_t offset, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("malformed JSON at byte ", offset, ": ", reason));
}

std::optional<std::string> UnescapeJsonString(absl::string_view token) {
  absl::string_view rest = token.substr(1, token.size() - 2);
  std::string out;
  while (!rest.empty()) {
    if (rest[0] != '\\') {
      out.push_back(rest[0]);
      rest.remove_prefix(1);
    } else if (rest[1] == 'u') {
      if (!AppendUnicodeEscape(&rest, &out)) return std::nullopt;
    } else {
      out.push_back(SimpleEscape(rest[1]));
      rest.remove_prefix(2);
    }
  }
  return out;
}

}  // namespace authstate
