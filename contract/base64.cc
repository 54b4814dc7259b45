#include "contract/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace authstate {
namespace {

constexpr absl::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xff;

// The six bits that a character stands for, or kNone.
constexpr std::array<std::uint8_t, 256> Sextets() {
  std::array<std::uint8_t, 256> sextets = {};
  for (std::uint8_t& sextet : sextets) sextet = kNone;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    sextets[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return sextets;
}

constexpr std::array<std::uint8_t, 256> kSextets = Sextets();

std::uint8_t SextetOf(char c) { return kSextets[static_cast<unsigned char>(c)]; }

}  // namespace

bool DecodeBase64(absl::string_view text, std::string* bytes) {
  if (text.size() % 4 != 0) return false;
  if (!absl::Base64Unescape(text, bytes)) return false;
  // abseil forgives white space and missing padding: then the bytes, written again, differ.
  return absl::Base64Escape(*bytes) == text;
}

bool IsBase64(absl::string_view text) {
  if (text.empty()) return true;
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text[text.size() - 2] == '=' ? 2 : static_cast<std::size_t>(text.back() == '=');
  if (padding == 2 && text.back() != '=') return false;
  text.remove_suffix(padding);
  std::uint8_t all = 0;
  for (const char c : text) all |= SextetOf(c);
  // Bits of the last character that belong to no byte.
  const unsigned unused = padding == 2 ? 0x0fU : padding == 1 ? 0x03U : 0U;
  return (all & 0xc0U) == 0 && (SextetOf(text.back()) & unused) == 0;
}

}  // namespace authstate
