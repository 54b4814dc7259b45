#include "contract/json_walk.h"

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "contract/json_scanner.h"
#include "contract/limits.h"

namespace authstate {
namespace {

// Recursion is bounded by kMaxJsonDepth.
class Walk {
 public:
  Walk(absl::string_view text, JsonVisitor& visitor) : text_(text), scanner_(text), visitor_(visitor) {}

  absl::Status Run() {
    if (absl::Status status = WalkValue(/*depth=*/1); !status.ok()) return status;
    return scanner_.AtEnd() ? absl::OkStatus() : Error("text after the value");
  }

 private:
  absl::Status WalkValue(int depth) {
    switch (const char first = scanner_.Peek()) {
      case '{':
      case '[':
        return WalkInside(first, depth);
      case '"':
        return Tell(&JsonVisitor::Scalar, scanner_.String());
      case 't':
      case 'f':
      case 'n':
        return Tell(&JsonVisitor::Scalar, scanner_.Literal());
      default:
        return Tell(&JsonVisitor::Scalar, scanner_.Number());
    }
  }

  absl::Status WalkInside(char bracket, int depth) {
    if (depth > kMaxJsonDepth) return Error(absl::StrCat("deeper than ", kMaxJsonDepth, " levels"));
    const bool object = bracket == '{';
    const char end = object ? '}' : ']';
    const std::size_t begin = scanner_.offset();
    if (absl::Status status = visitor_.Begin(bracket); !status.ok()) return status;
    (void)scanner_.Consume(bracket);
    for (bool more = !scanner_.Consume(end); more;) {
      if (object) {
        if (absl::Status status = Tell(&JsonVisitor::Name, scanner_.String()); !status.ok()) return status;
        if (!scanner_.Consume(':')) return Error("expected : after a member name");
      }
      (void)scanner_.Peek();
      const std::size_t value_begin = scanner_.offset();
      if (absl::Status status = WalkValue(depth + 1); !status.ok()) return status;
      const absl::string_view value = Since(value_begin);
      more = scanner_.Consume(',');
      if (!more && !scanner_.Consume(end)) {
        return Error(object ? "expected , or } in an object" : "expected , or ] in an array");
      }
      if (absl::Status status = visitor_.EndElement(value, more); !status.ok()) return status;
    }
    return visitor_.End(Since(begin));
  }

  absl::Status Tell(absl::Status (JsonVisitor::*what)(absl::string_view),
                    const absl::StatusOr<absl::string_view>& token) {
    return token.ok() ? (visitor_.*what)(*token) : token.status();
  }

  absl::string_view Since(std::size_t begin) const { return text_.substr(begin, scanner_.offset() - begin); }
  absl::Status Error(absl::string_view reason) const { return JsonScanner::ErrorAt(scanner_.offset(), reason); }

  const absl::string_view text_;
  JsonScanner scanner_;
  JsonVisitor& visitor_;
};

}  // namespace

absl::Status WalkJson(absl::string_view text, JsonVisitor& visitor) { return Walk(text, visitor).Run(); }

}  // namespace authstate
