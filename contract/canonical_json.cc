#include "contract/canonical_json.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "contract/base64.h"
#include "contract/limits.h"
#include "contract/names.h"

namespace authstate {
namespace {

constexpr std::size_t kTagMembers = 2;
constexpr std::ptrdiff_t kUnicodeEscapeDigits = 4;
constexpr std::uint64_t kEveryByte = 0x0101010101010101U;
constexpr std::uint64_t kHighBits = 0x80 * kEveryByte;
constexpr std::uint64_t kFirstPrintable = 0x20;

// Whether one of eight bytes ends a run of plain ASCII inside a string: a quote, a backslash, a control character, or a
// byte above 0x7f. (x - 1) & ~x has its high bit set in the lowest byte that is zero, and never in none when there is
// one.
bool EndsPlainRun(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  const std::uint64_t quote = word ^ (kEveryByte * '"');
  const std::uint64_t backslash = word ^ (kEveryByte * '\\');
  const std::uint64_t found = ((quote - kEveryByte) & ~quote) | ((backslash - kEveryByte) & ~backslash) |
                              ((word - kEveryByte * kFirstPrintable) & ~word) | word;
  return (found & kHighBits) != 0;
}

// Recursion is bounded by kMaxJsonDepth. Every function is false for what it does not take, and leaves the place where
// it stopped unspecified then.
class Scan {
 public:
  explicit Scan(absl::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool Run() { return CheckValue(/*depth=*/1) && at_ == end_; }

  bool is_ascii() const { return is_ascii_; }

 private:
  struct Member {
    absl::string_view name;
    absl::string_view value;
  };

  bool Next(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool CheckValue(int depth) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return depth <= kMaxJsonDepth && CheckObject(depth);
      case '[':
        return depth <= kMaxJsonDepth && CheckArray(depth);
      case '"':
        return CheckString();
      case 't':
        return CheckLiteral("true");
      case 'f':
        return CheckLiteral("false");
      case 'n':
        return CheckLiteral("null");
      default:
        return CheckNumber();
    }
  }

  bool CheckLiteral(absl::string_view literal) {
    if (!absl::StartsWith(Rest(), literal)) return false;
    at_ += literal.size();
    return true;
  }

  bool CheckArray(int depth) {
    ++at_;
    if (Next(']')) return true;
    do {
      if (!CheckValue(depth + 1)) return false;
    } while (Next(','));
    return Next(']');
  }

  bool CheckObject(int depth) {
    ++at_;
    if (Next('}')) return true;
    std::array<Member, kTagMembers> members;
    std::size_t count = 0;
    do {
      const char* const name = at_;
      if (at_ == end_ || *at_ != '"' || !CheckString()) return false;
      const char* const name_end = at_;
      if (!Next(':')) return false;
      const char* const value = at_;
      if (!CheckValue(depth + 1)) return false;
      if (count < kTagMembers) members.at(count) = {Between(name, name_end), Between(value, at_)};
      ++count;
    } while (Next(','));
    if (!Next('}')) return false;
    return count != kTagMembers || CheckPair(members, depth);
  }

  // Whether an object of two members is no Buffer tag, or one in canonical form.
  static bool CheckPair(const std::array<Member, kTagMembers>& members, int depth) {
    const auto& [first, second] = members;
    const auto has_escape = [](absl::string_view token) { return absl::StrContains(token, '\\'); };
    if (has_escape(first.name) || has_escape(second.name)) return false;
    const bool in_order = first.name == "\"type\"" && second.name == "\"data\"";
    const bool reversed = first.name == "\"data\"" && second.name == "\"type\"";
    if (!in_order && !reversed) return true;
    const Member& type = in_order ? first : second;
    const absl::string_view data = in_order ? second.value : first.value;
    if (type.value != "\"Buffer\"") return !has_escape(type.value);
    if (data[0] != '"') return data[0] != '[';
    // The outermost tag is not JSON but the bytes it stands for.
    return in_order && depth > 1 && IsBase64(data.substr(1, data.size() - 2));
  }

  bool CheckString() {
    ++at_;
    while (at_ != end_) {
      while (end_ - at_ >= static_cast<std::ptrdiff_t>(sizeof(std::uint64_t)) && !EndsPlainRun(at_)) {
        at_ += sizeof(std::uint64_t);
      }
      if (at_ == end_) return false;
      const auto byte = static_cast<unsigned char>(*at_++);
      if (byte == '"') return true;
      if (byte < kFirstPrintable) return false;
      if (byte == '\\' && !CheckEscape()) return false;
      is_ascii_ = is_ascii_ && absl::ascii_isascii(byte);
    }
    return false;
  }

  bool CheckEscape() {
    if (at_ == end_) return false;
    const char kind = *at_++;
    if (kind != 'u') return absl::StrContains("\"\\/bfnrt", kind);
    if (end_ - at_ < kUnicodeEscapeDigits) return false;
    for (std::ptrdiff_t i = 0; i < kUnicodeEscapeDigits; ++i) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(*at_++))) return false;
    }
    return true;
  }

  bool CheckNumber() {
    (void)Next('-');
    if (!Next('0') && !SkipDigits()) return false;
    if (Next('.') && !SkipDigits()) return false;
    if (Next('e') || Next('E')) {
      if (!Next('+')) (void)Next('-');
      return SkipDigits();
    }
    return true;
  }

  bool SkipDigits() {
    const char* const begin = at_;
    while (at_ != end_ && absl::ascii_isdigit(static_cast<unsigned char>(*at_))) ++at_;
    return at_ != begin;
  }

  absl::string_view Rest() const { return Between(at_, end_); }
  static absl::string_view Between(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
  }

  const char* at_;
  const char* const end_;
  bool is_ascii_ = true;
};

}  // namespace

bool IsCanonicalJson(absl::string_view text) {
  Scan scan(text);
  return scan.Run() && (scan.is_ascii() || IsValidUtf8(text));
}

}  // namespace authstate
