#include "contract/codec.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "contract/base64.h"
#include "contract/canonical_json.h"
#include "contract/json_scanner.h"
#include "contract/limits.h"
#include "contract/names.h"

namespace authstate {
namespace {

// Where a token or a value stands in the output.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Member {
  Span name;
  Span value;
};

constexpr std::size_t kTagMembers = 2;
constexpr std::uint32_t kMaxByte = 255;

// Copies the tokens of one JSON text to an output without white space, and rewrites Buffer tags on the way. Recursion
// is bounded by kMaxJsonDepth.
class Canonicalizer {
 public:
  explicit Canonicalizer(absl::string_view text) : scanner_(text) { out_.reserve(text.size()); }

  absl::StatusOr<Value> Run() {
    absl::Status status = CopyValue(/*depth=*/1);
    if (!status.ok()) return status;
    if (!scanner_.AtEnd()) return JsonScanner::ErrorAt(scanner_.offset(), "text after the value");
    if (outermost_tag_.has_value()) return Value{ValueKind::kRaw, *std::move(outermost_tag_)};
    return Value{ValueKind::kJson, std::move(out_)};
  }

 private:
  absl::Status CopyValue(int depth) {
    switch (scanner_.Peek()) {
      case '{':
        return CopyObject(depth);
      case '[':
        return CopyArray(depth);
      case '"':
        return CopyToken(scanner_.String());
      case 't':
      case 'f':
      case 'n':
        return CopyToken(scanner_.Literal());
      default:
        return CopyToken(scanner_.Number());
    }
  }

  absl::Status CopyToken(const absl::StatusOr<absl::string_view>& token) {
    if (!token.ok()) return token.status();
    absl::StrAppend(&out_, *token);
    return absl::OkStatus();
  }

  absl::Status CheckDepth(int depth) const {
    if (depth <= kMaxJsonDepth) return absl::OkStatus();
    return JsonScanner::ErrorAt(scanner_.offset(), absl::StrCat("deeper than ", kMaxJsonDepth, " levels"));
  }

  absl::Status CopyArray(int depth) {
    absl::Status status = CheckDepth(depth);
    if (!status.ok()) return status;
    (void)scanner_.Consume('[');
    out_.push_back('[');
    if (scanner_.Consume(']')) {
      out_.push_back(']');
      return absl::OkStatus();
    }
    while (true) {
      status = CopyValue(depth + 1);
      if (!status.ok()) return status;
      if (scanner_.Consume(']')) break;
      if (!scanner_.Consume(',')) return JsonScanner::ErrorAt(scanner_.offset(), "expected , or ] in an array");
      out_.push_back(',');
    }
    out_.push_back(']');
    return absl::OkStatus();
  }

  absl::Status CopyObject(int depth) {
    absl::Status status = CheckDepth(depth);
    if (!status.ok()) return status;
    const std::size_t text_begin = scanner_.offset();
    const std::size_t begin = out_.size();
    std::array<Member, kTagMembers> members;
    std::size_t count = 0;

    (void)scanner_.Consume('{');
    out_.push_back('{');
    if (scanner_.Consume('}')) {
      out_.push_back('}');
      return absl::OkStatus();
    }
    while (true) {
      Member member;
      status = CopyMember(depth, &member);
      if (!status.ok()) return status;
      if (count < kTagMembers) members[count] = member;
      ++count;
      if (scanner_.Consume('}')) break;
      if (!scanner_.Consume(',')) return JsonScanner::ErrorAt(scanner_.offset(), "expected , or } in an object");
      out_.push_back(',');
    }
    out_.push_back('}');
    if (count != kTagMembers) return absl::OkStatus();
    return RewriteIfTag(members, begin, text_begin, depth);
  }

  absl::Status CopyMember(int depth, Member* member) {
    member->name.begin = out_.size();
    absl::Status status = CopyToken(scanner_.String());
    if (!status.ok()) return status;
    member->name.end = out_.size();
    if (!scanner_.Consume(':')) return JsonScanner::ErrorAt(scanner_.offset(), "expected : after a member name");
    out_.push_back(':');
    member->value.begin = out_.size();
    status = CopyValue(depth + 1);
    member->value.end = out_.size();
    return status;
  }

  absl::string_view Written(const Span& span) const {
    return absl::string_view(out_).substr(span.begin, span.end - span.begin);
  }

  // Whether the string token at `span` stands for `text`.
  bool Is(const Span& span, absl::string_view text) const {
    const absl::string_view token = Written(span);
    return token[0] == '"' && UnescapeJsonString(token) == text;
  }

  // If the object just written, which has the two `members`, is a Buffer tag, writes it again in its canonical form.
  absl::Status RewriteIfTag(const std::array<Member, kTagMembers>& members, std::size_t begin, std::size_t text_begin,
                            int depth) {
    const std::size_t type_at = Is(members[0].name, "type") ? 0 : 1;
    const Member& type = members.at(type_at);
    const Member& data = members.at(1 - type_at);
    if (!Is(type.name, "type") || !Is(data.name, "data") || !Is(type.value, "Buffer")) return absl::OkStatus();

    std::string bytes;
    const char form = Written(data.value)[0];
    if (form == '"') {
      const std::optional<std::string> base64 = UnescapeJsonString(Written(data.value));
      if (!base64.has_value() || !DecodeBase64(*base64, &bytes)) return TagError(text_begin, "bad base64 in a Buffer");
    } else if (form == '[') {
      if (!DecodeByteArray(Written(data.value), &bytes)) {
        return TagError(text_begin, "a Buffer's array has an element that is no integer from 0 to 255");
      }
    } else {
      return absl::OkStatus();
    }

    out_.resize(begin);
    absl::StrAppend(&out_, R"({"type":"Buffer","data":")", absl::Base64Escape(bytes), "\"}");
    if (depth == 1) outermost_tag_ = std::move(bytes);
    return absl::OkStatus();
  }

  static absl::Status TagError(std::size_t text_begin, absl::string_view reason) {
    return absl::InvalidArgumentError(absl::StrCat("bad Buffer at byte ", text_begin, ": ", reason));
  }

  // `array` is a JSON array without white space.
  static bool DecodeByteArray(absl::string_view array, std::string* bytes) {
    array = array.substr(1, array.size() - 2);
    while (!array.empty()) {
      std::uint32_t byte = 0;
      std::size_t digits = 0;
      while (digits < array.size() && absl::ascii_isdigit(static_cast<unsigned char>(array[digits]))) {
        byte = byte * 10 + static_cast<std::uint32_t>(array[digits++] - '0');
        if (byte > kMaxByte) return false;
      }
      if (digits == 0 || (digits < array.size() && array[digits] != ',')) return false;
      bytes->push_back(static_cast<char>(byte));
      array.remove_prefix(digits);
      if (!array.empty()) array.remove_prefix(1);
    }
    return true;
  }

  JsonScanner scanner_;
  std::string out_;
  std::optional<std::string> outermost_tag_;
};

}  // namespace

absl::StatusOr<Value> ParseBufferJson(absl::string_view text) {
  if (!IsValidUtf8(text)) return absl::InvalidArgumentError("is not valid UTF-8");
  return Canonicalizer(text).Run();
}

absl::StatusOr<Value> Canonicalize(Value value) {
  if (value.kind == ValueKind::kRaw || IsCanonicalJson(value.bytes)) return value;
  return ParseBufferJson(value.bytes);
}

std::string ToBufferJson(const Value& value) {
  if (value.kind == ValueKind::kJson) return value.bytes;
  return absl::StrCat(R"({"type":"Buffer","data":")", absl::Base64Escape(value.bytes), "\"}");
}

}  // namespace authstate
