#include "contract/codec.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "contract/base64.h"
#include "contract/canonical_json.h"
#include "contract/json_scanner.h"
#include "contract/json_walk.h"
#include "contract/names.h"

namespace authstate {
namespace {

constexpr std::size_t kTagMembers = 2;
constexpr std::uint32_t kMaxByte = 255;

struct Member {
  absl::string_view name;
  absl::string_view value;
};

// Copies one JSON text without white space, and rewrites Buffer tags on the way.
class Canonicalizer final : public JsonVisitor {
 public:
  explicit Canonicalizer(absl::string_view text) : text_(text) { out_.reserve(text.size()); }

  absl::StatusOr<Value> Run() {
    if (absl::Status status = WalkJson(text_, *this); !status.ok()) return status;
    if (outermost_tag_.has_value()) return Value{ValueKind::kRaw, *std::move(outermost_tag_)};
    return Value{ValueKind::kJson, std::move(out_)};
  }

  absl::Status Scalar(absl::string_view token) override {
    absl::StrAppend(&out_, token);
    return absl::OkStatus();
  }

  absl::Status Begin(char bracket) override {
    open_.push_back({out_.size()});
    out_.push_back(bracket);
    return absl::OkStatus();
  }

  absl::Status Name(absl::string_view token) override {
    Open& object = open_.back();
    if (object.elements < kTagMembers) object.members.at(object.elements).name = token;
    absl::StrAppend(&out_, token, ":");
    return absl::OkStatus();
  }

  absl::Status EndElement(absl::string_view value, bool more) override {
    Open& open = open_.back();
    if (open.elements < kTagMembers) open.members.at(open.elements).value = value;
    ++open.elements;
    if (more) out_.push_back(',');
    return absl::OkStatus();
  }

  absl::Status End(absl::string_view whole) override {
    const Open closed = open_.back();
    open_.pop_back();
    out_.push_back(whole.back());
    if (whole.front() != '{' || closed.elements != kTagMembers) return absl::OkStatus();
    return RewriteIfTag(closed.members, closed.begin, whole);
  }

 private:
  // An object or array that has begun.
  struct Open {
    // Where it stands in the output.
    std::size_t begin = 0;
    std::size_t elements = 0;
    std::array<Member, kTagMembers> members = {};
  };

  // Whether the token is a string that stands for `text`.
  static bool Is(absl::string_view token, absl::string_view text) {
    return token[0] == '"' && UnescapeJsonString(token) == text;
  }

  // If the object `whole`, which was just copied and has the two `members`, is a Buffer tag, writes it again in its
  // canonical form.
  absl::Status RewriteIfTag(const std::array<Member, kTagMembers>& members, std::size_t begin,
                            absl::string_view whole) {
    const std::size_t type_at = Is(members[0].name, "type") ? 0 : 1;
    const Member& type = members.at(type_at);
    const Member& data = members.at(1 - type_at);
    if (!Is(type.name, "type") || !Is(data.name, "data") || !Is(type.value, "Buffer")) return absl::OkStatus();

    std::string bytes;
    if (data.value[0] == '"') {
      const std::optional<std::string> base64 = UnescapeJsonString(data.value);
      if (!base64.has_value() || !DecodeBase64(*base64, &bytes)) return TagError(whole, "bad base64 in a Buffer");
    } else if (data.value[0] == '[') {
      if (!DecodeByteArray(data.value, &bytes)) {
        return TagError(whole, "a Buffer's array has an element that is no integer from 0 to 255");
      }
    } else {
      return absl::OkStatus();
    }

    out_.resize(begin);
    absl::StrAppend(&out_, R"({"type":"Buffer","data":")", absl::Base64Escape(bytes), "\"}");
    if (open_.empty()) outermost_tag_ = std::move(bytes);
    return absl::OkStatus();
  }

  absl::Status TagError(absl::string_view tag, absl::string_view reason) const {
    return absl::InvalidArgumentError(absl::StrCat("bad Buffer at byte ", tag.data() - text_.data(), ": ", reason));
  }

  // `array` is a JSON array.
  static bool DecodeByteArray(absl::string_view array, std::string* bytes) {
    array = absl::StripAsciiWhitespace(array.substr(1, array.size() - 2));
    if (array.empty()) return true;
    for (absl::string_view element : absl::StrSplit(array, ',')) {
      element = absl::StripAsciiWhitespace(element);
      std::uint32_t byte = 0;
      if (!std::all_of(element.begin(), element.end(), absl::ascii_isdigit)) return false;
      if (!absl::SimpleAtoi(element, &byte) || byte > kMaxByte) return false;
      bytes->push_back(static_cast<char>(byte));
    }
    return true;
  }

  const absl::string_view text_;
  std::string out_;
  std::vector<Open> open_;
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
