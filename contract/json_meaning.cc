#include "contract/json_meaning.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/charconv.h"
#include "absl/strings/str_cat.h"
#include "contract/json_scanner.h"
#include "contract/json_walk.h"

namespace authstate {
namespace {

// The form: a tag, for all but literals the length of what follows, then that. Nothing is the beginning of another.
void AppendTagged(char tag, absl::string_view bytes, std::string* out) {
  out->push_back(tag);
  const std::uint64_t size = bytes.size();
  out->append(reinterpret_cast<const char*>(&size), sizeof(size));
  out->append(bytes.data(), bytes.size());
}

std::string NumberMeaning(absl::string_view token) {
  double number = 0;
  // Beyond a double it is infinity or zero, as JSON.parse has it.
  (void)absl::from_chars(token.data(), token.data() + token.size(), number);
  if (number == 0) number = 0;
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

std::string StringMeaning(absl::string_view token) {
  std::string out;
  const std::optional<std::string> text = UnescapeJsonString(token);
  AppendTagged(text.has_value() ? '"' : '\\', text.has_value() ? *text : token, &out);
  return out;
}

class MeaningWriter final : public JsonVisitor {
 public:
  std::string Take() && { return std::move(meaning_); }

  absl::Status Scalar(absl::string_view token) override {
    const char first = token.front();
    if (first == '"') {
      meaning_ = StringMeaning(token);
    } else if (first == 't' || first == 'f' || first == 'n') {
      meaning_ = std::string(1, first);
    } else {
      meaning_.clear();
      AppendTagged('#', NumberMeaning(token), &meaning_);
    }
    return absl::OkStatus();
  }

  absl::Status Begin(char bracket) override {
    open_.push_back({bracket == '{', {}, {}, {}});
    return absl::OkStatus();
  }

  absl::Status Name(absl::string_view token) override {
    open_.back().name = StringMeaning(token);
    return absl::OkStatus();
  }

  absl::Status EndElement(absl::string_view /*value*/, bool /*more*/) override {
    Open& open = open_.back();
    if (open.object) {
      open.members[open.name] = std::move(meaning_);
    } else {
      open.elements.append(meaning_);
    }
    return absl::OkStatus();
  }

  absl::Status End(absl::string_view whole) override {
    Open closed = std::move(open_.back());
    open_.pop_back();
    for (const auto& [name, value] : closed.members) absl::StrAppend(&closed.elements, name, value);
    meaning_.clear();
    AppendTagged(whole.front(), closed.elements, &meaning_);
    return absl::OkStatus();
  }

 private:
  // An object or array that has begun: of an object the members, in the order of their names.
  struct Open {
    bool object;
    std::string name;
    std::map<std::string, std::string> members;
    std::string elements;
  };

  std::vector<Open> open_;
  // The meaning of the value that was told last.
  std::string meaning_;
};

}  // namespace

absl::StatusOr<std::string> JsonMeaning(absl::string_view text) {
  MeaningWriter writer;
  if (absl::Status status = WalkJson(text, writer); !status.ok()) return status;
  return std::move(writer).Take();
}

}  // namespace authstate
