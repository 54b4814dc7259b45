#include "storage/postgres/layout/legacy_value.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "contract/codec.h"
#include "contract/json_scanner.h"
#include "contract/json_walk.h"
#include "contract/limits.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kMaxLegacySessionIdBytes = 50;
// What PostgreSQL's numeric has room for before and after the decimal point.
constexpr std::int64_t kMaxIntegerDigits = 131'072;
constexpr std::int64_t kMaxFractionDigits = 16'383;
// JSONB writes numbers out, so a short text may come back as a long one. PostgreSQL makes no text above 1 GiB, and
// what cannot be read back must not be written.
constexpr std::int64_t kMaxWrittenOutBytes = std::int64_t{64} << 20;

// A value from 0 to `most` in the one way that it is written; nullopt for anything else.
std::optional<std::uint32_t> Decimal(absl::string_view digits, std::uint32_t most) {
  std::uint32_t number = 0;
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) return std::nullopt;
  if (!absl::SimpleAtoi(digits, &number) || number > most) return std::nullopt;
  return number;
}

// The members of one object, for as long as they may be bytes in form 3.
class ByteMembers {
 public:
  void Add(absl::string_view name_token, absl::string_view value_token) {
    if (!possible_) return;
    constexpr std::uint32_t kMaxByte = 255;
    const absl::string_view name = name_token.substr(1, name_token.size() - 2);
    const auto place = Decimal(name, static_cast<std::uint32_t>(kMaxValueBytes));
    const auto byte = Decimal(value_token, kMaxByte);
    possible_ = place.has_value() && byte.has_value();
    if (possible_) members_.emplace_back(*place, static_cast<char>(*byte));
  }

  // The bytes, if the members were those of form 3.
  std::optional<std::string> Take() && {
    if (!possible_ || members_.empty()) return std::nullopt;
    std::sort(members_.begin(), members_.end());
    std::string bytes;
    bytes.reserve(members_.size());
    for (const auto& [place, byte] : members_) {
      if (place != bytes.size()) return std::nullopt;
      bytes.push_back(byte);
    }
    return bytes;
  }

 private:
  bool possible_ = true;
  std::vector<std::pair<std::uint32_t, char>> members_;
};

// Copies one JSON text with every form 3 in it written as form 1, and finds what JSONB could not hold.
class LegacyText final : public JsonVisitor {
 public:
  std::string Take() && { return std::move(out_); }

  // Why it cannot be stored as it is; nullopt when it can.
  std::optional<absl::string_view> refusal() const { return refusal_; }

  absl::Status Scalar(absl::string_view token) override {
    const char first = token.front();
    if (first == '"') {
      CheckString(token);
    } else if (first != 't' && first != 'f' && first != 'n') {
      CheckNumber(token);
    }
    absl::StrAppend(&out_, token);
    return absl::OkStatus();
  }

  absl::Status Begin(char bracket) override {
    open_.push_back({out_.size(), {}, {}});
    out_.push_back(bracket);
    return absl::OkStatus();
  }

  absl::Status Name(absl::string_view token) override {
    CheckString(token);
    open_.back().name = token;
    absl::StrAppend(&out_, token, ":");
    return absl::OkStatus();
  }

  absl::Status EndElement(absl::string_view value, bool more) override {
    Open& open = open_.back();
    if (!open.name.empty()) open.bytes.Add(open.name, value);
    if (more) out_.push_back(',');
    return absl::OkStatus();
  }

  absl::Status End(absl::string_view whole) override {
    Open closed = std::move(open_.back());
    open_.pop_back();
    out_.push_back(whole.back());
    if (const std::optional<std::string> form3 = std::move(closed.bytes).Take(); form3.has_value()) {
      out_.resize(closed.begin);
      absl::StrAppend(&out_, ToBufferJson({ValueKind::kRaw, *form3}));
      refusal_ = "has an object of numbered bytes, which this layout takes for a Buffer";
    }
    return absl::OkStatus();
  }

 private:
  // An object or array that has begun.
  struct Open {
    // Where it stands in the output.
    std::size_t begin = 0;
    // The name of the member that is being told; empty in an array.
    absl::string_view name;
    ByteMembers bytes;
  };

  void CheckString(absl::string_view token) {
    if (token.find('\\') == absl::string_view::npos) return;
    const std::optional<std::string> text = UnescapeJsonString(token);
    if (!text.has_value()) {
      refusal_ = "has an unpaired surrogate, which JSONB cannot hold";
    } else if (text->find('\0') != std::string::npos) {
      refusal_ = "has a NUL character (\\u0000), which JSONB cannot hold";
    }
  }

  void CheckNumber(absl::string_view token) {
    const std::size_t exponent_at = std::min(token.find_first_of("eE"), token.size());
    const absl::string_view mantissa = token.substr(0, exponent_at);
    std::int64_t exponent = 0;
    const bool plain = exponent_at == token.size();
    if (!plain && !absl::SimpleAtoi(token.substr(exponent_at + 1), &exponent)) exponent = INT32_MAX;
    exponent = std::clamp<std::int64_t>(exponent, INT32_MIN, INT32_MAX);
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const auto integer_digits = static_cast<std::int64_t>(point);
    const auto fraction_digits = static_cast<std::int64_t>(mantissa.size() - std::min(point + 1, mantissa.size()));
    const std::int64_t before = std::max<std::int64_t>(integer_digits + exponent, 1);
    const std::int64_t after = std::max<std::int64_t>(fraction_digits - exponent, 0);
    if (before > kMaxIntegerDigits || after > kMaxFractionDigits) {
      refusal_ = "has a number beyond what JSONB can hold";
      return;
    }
    written_out_ += before + after;
    if (written_out_ > kMaxWrittenOutBytes) refusal_ = "has numbers that are too long once JSONB has written them out";
  }

  std::string out_;
  std::vector<Open> open_;
  std::int64_t written_out_ = 0;
  std::optional<absl::string_view> refusal_;
};

absl::Status NotInLayout(absl::string_view what, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, kNotInLayout, absl::StrCat(what, ": ", why));
}

bool IsLegacySessionId(absl::string_view id) {
  const auto is_taken = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= kMaxLegacySessionIdBytes && std::all_of(id.begin(), id.end(), is_taken);
}

absl::Status EncodeLegacyValue(absl::string_view what, Value& value) {
  auto json = ToLegacyJson(value);
  if (!json.ok()) return NotInLayout(what, json.status().message());
  value = {ValueKind::kJson, *std::move(json)};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ToLegacyJson(const Value& value) {
  if (value.kind == ValueKind::kRaw) return ToBufferJson(value);
  LegacyText text;
  const absl::Status status = WalkJson(value.bytes, text);
  if (!status.ok()) return Error(absl::StatusCode::kInvalidArgument, kNotInLayout, status.message());
  if (const auto refusal = text.refusal()) return Error(absl::StatusCode::kInvalidArgument, kNotInLayout, *refusal);
  return value.bytes;
}

absl::StatusOr<Value> FromLegacyJson(absl::string_view text) {
  LegacyText rewritten;
  if (absl::Status status = WalkJson(text, rewritten); !status.ok()) return status;
  return ParseBufferJson(std::move(rewritten).Take());
}

absl::Status EncodeLegacyCommit(Commit& commit) {
  if (!commit.writes()) return absl::OkStatus();
  if (!IsLegacySessionId(commit.session_id)) {
    return NotInLayout("session_id",
                       absl::StrCat("the legacy layout takes 1 to ", kMaxLegacySessionIdBytes,
                                    " letters, digits, '_' and '-', as the programs that share its tables do"));
  }
  if (commit.creds.has_value()) {
    if (absl::Status status = EncodeLegacyValue("creds", *commit.creds); !status.ok()) return status;
  }
  for (std::size_t i = 0; i < commit.sets.size(); ++i) {
    KeyWrite& write = commit.sets[i];
    // The type is a name of the protocol; the id may be a phone number.
    const std::string what = absl::StrCat("sets[", i, "].value (", write.name.type, ")");
    if (absl::Status status = EncodeLegacyValue(what, write.value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace authstate::storage
