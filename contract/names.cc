#include "contract/names.h"

#include <algorithm>
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

absl::Status CheckPrintableAscii(absl::string_view value, std::size_t max_bytes) {
  absl::Status size = CheckSize(value, max_bytes);
  if (!size.ok()) return size;
  if (!std::all_of(value.begin(), value.end(), IsPrintableAscii)) {
    return absl::InvalidArgumentError("has a byte that is not printable ASCII");
  }
  return absl::OkStatus();
}

// What a lead byte promises: the length of its sequence, and the range of the second byte, which is narrower than that
// of the others where it would make an overlong form, a surrogate, or a code point above U+10FFFF.
struct Utf8Sequence {
  std::size_t length = 0;
  std::uint8_t second_min = 0x80;
  std::uint8_t second_max = 0xBF;
};

// The length is 0 for a byte that cannot begin a character.
Utf8Sequence SequenceOf(std::uint8_t lead) {
  if (lead < 0x80) return {1};
  if (lead < 0xC2) return {0};
  if (lead < 0xE0) return {2};
  if (lead < 0xF0) {
    const std::uint8_t second_min = lead == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t second_max = lead == 0xED ? 0x9F : 0xBF;
    return {3, second_min, second_max};
  }
  if (lead < 0xF5) {
    const std::uint8_t second_min = lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t second_max = lead == 0xF4 ? 0x8F : 0xBF;
    return {4, second_min, second_max};
  }
  return {0};
}

// Bytes of the UTF-8 sequence at the start of `text`, or 0 when it is malformed. `text` is not empty.
std::size_t Utf8SequenceLength(absl::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  const Utf8Sequence sequence = SequenceOf(byte(0));
  if (sequence.length > text.size()) return 0;
  if (sequence.length > 1 && (byte(1) < sequence.second_min || byte(1) > sequence.second_max)) return 0;
  for (std::size_t at = 2; at < sequence.length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80U) return 0;
  }
  return sequence.length;
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
  if (!std::all_of(prefix.begin(), prefix.end(), IsSessionIdByte)) {
    return absl::InvalidArgumentError("has a byte outside [A-Za-z0-9._:@-]");
  }
  return absl::OkStatus();
}

absl::Status CheckOwner(absl::string_view owner) { return CheckPrintableAscii(owner, kMaxOwnerBytes); }

absl::Status CheckKeyType(absl::string_view type) { return CheckPrintableAscii(type, kMaxKeyTypeBytes); }

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
