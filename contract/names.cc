#include "contract/names.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "contract/limits.h"

namespace authstate {
namespace {

absl::Status CheckSize(absl::string_view value, std::size_t max_bytes) {
  if (value.empty()) return absl::InvalidArgumentError("empty");
  if (value.size() > max_bytes) return absl::InvalidArgumentError(absl::StrCat("longer than ", max_bytes, " bytes"));
  return absl::OkStatus();
}

bool IsSessionIdByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == ':' || c == '@' || c == '-';
}

bool IsPrintableAscii(char c) { return c >= 0x20 && c <= 0x7e; }

template <typename Predicate>
bool AllOf(absl::string_view text, Predicate predicate) {
  for (const char c : text) {
    if (!predicate(c)) return false;
  }
  return true;
}

// Bytes of the UTF-8 sequence at the start of `text`, or 0 when it is malformed. `text` is not empty.
std::size_t Utf8SequenceLength(absl::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
    if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

}  // namespace

absl::Status CheckSessionId(absl::string_view session_id) {
  absl::Status size = CheckSize(session_id, kMaxSessionIdBytes);
  if (!size.ok()) return size;
  return CheckSessionIdPrefix(session_id);
}

absl::Status CheckSessionIdPrefix(absl::string_view prefix) {
  if (prefix.size() > kMaxSessionIdBytes) {
    return absl::InvalidArgumentError(absl::StrCat("longer than ", kMaxSessionIdBytes, " bytes"));
  }
  if (!AllOf(prefix, IsSessionIdByte)) return absl::InvalidArgumentError("has a byte outside [A-Za-z0-9._:@-]");
  return absl::OkStatus();
}

absl::Status CheckKeyType(absl::string_view type) {
  absl::Status size = CheckSize(type, kMaxKeyTypeBytes);
  if (!size.ok()) return size;
  if (!AllOf(type, IsPrintableAscii)) return absl::InvalidArgumentError("has a byte that is not printable ASCII");
  return absl::OkStatus();
}

absl::Status CheckKeyId(absl::string_view id) {
  absl::Status size = CheckSize(id, kMaxKeyIdBytes);
  if (!size.ok()) return size;
  if (id.find('\0') != absl::string_view::npos) return absl::InvalidArgumentError("has a NUL byte");
  if (!IsValidUtf8(id)) return absl::InvalidArgumentError("is not valid UTF-8");
  return absl::OkStatus();
}

bool IsValidUtf8(absl::string_view text) {
  while (!text.empty()) {
    const std::size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace authstate
