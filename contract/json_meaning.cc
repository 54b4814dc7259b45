#include "contract/json_meaning.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/charconv.h"
#include "contract/json_scanner.h"
#include "contract/limits.h"

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

class MeaningWriter {
 public:
  explicit MeaningWriter(absl::string_view text) : scanner_(text) {}

  absl::StatusOr<std::string> Whole() {
    absl::StatusOr<std::string> meaning = Meaning(/*depth=*/1);
    if (meaning.ok() && !scanner_.AtEnd()) return JsonScanner::ErrorAt(scanner_.offset(), "text after the value");
    return meaning;
  }

 private:
  absl::StatusOr<std::string> Meaning(int depth) {
    if (depth > kMaxJsonDepth) return JsonScanner::ErrorAt(scanner_.offset(), "too deep");
    switch (scanner_.Peek()) {
      case '{':
        return Object(depth);
      case '[':
        return Array(depth);
      case '"':
        return String();
      case 't':
      case 'f':
      case 'n': {
        const absl::StatusOr<absl::string_view> literal = scanner_.Literal();
        if (!literal.ok()) return literal.status();
        return std::string(1, literal->front());
      }
      default: {
        const absl::StatusOr<absl::string_view> token = scanner_.Number();
        if (!token.ok()) return token.status();
        std::string out;
        AppendTagged('#', NumberMeaning(*token), &out);
        return out;
      }
    }
  }

  absl::StatusOr<std::string> String() {
    const absl::StatusOr<absl::string_view> token = scanner_.String();
    if (!token.ok()) return token.status();
    std::string out;
    const std::optional<std::string> text = UnescapeJsonString(*token);
    if (text.has_value()) {
      AppendTagged('"', *text, &out);
    } else {
      AppendTagged('\\', *token, &out);
    }
    return out;
  }

  absl::StatusOr<std::string> Array(int depth) {
    (void)scanner_.Consume('[');
    std::string elements;
    bool more = !scanner_.Consume(']');
    while (more) {
      const absl::StatusOr<std::string> element = Meaning(depth + 1);
      if (!element.ok()) return element.status();
      elements.append(*element);
      more = scanner_.Consume(',');
      if (!more && !scanner_.Consume(']')) return JsonScanner::ErrorAt(scanner_.offset(), "expected , or ]");
    }
    std::string out;
    AppendTagged('[', elements, &out);
    return out;
  }

  absl::StatusOr<std::string> Object(int depth) {
    (void)scanner_.Consume('{');
    std::map<std::string, std::string> members;
    bool more = !scanner_.Consume('}');
    while (more) {
      absl::StatusOr<std::string> name = String();
      if (!name.ok()) return name.status();
      if (!scanner_.Consume(':')) return JsonScanner::ErrorAt(scanner_.offset(), "expected :");
      absl::StatusOr<std::string> value = Meaning(depth + 1);
      if (!value.ok()) return value.status();
      members[*std::move(name)] = *std::move(value);
      more = scanner_.Consume(',');
      if (!more && !scanner_.Consume('}')) return JsonScanner::ErrorAt(scanner_.offset(), "expected , or }");
    }
    std::string all;
    for (const auto& [name, value] : members) {
      all.append(name);
      all.append(value);
    }
    std::string out;
    AppendTagged('{', all, &out);
    return out;
  }

  JsonScanner scanner_;
};

}  // namespace

absl::StatusOr<std::string> JsonMeaning(absl::string_view text) { return MeaningWriter(text).Whole(); }

}  // namespace authstate
