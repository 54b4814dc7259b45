#include "client/cli/folder/json_members.h"

#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

// Moves past one value of canonical text, which cannot fail.
void Skip(JsonScanner& scanner) {
  const char first = scanner.Peek();
  if (first == '"') {
    (void)scanner.String();
  } else if (first == 't' || first == 'f' || first == 'n') {
    (void)scanner.Literal();
  } else if (first != '{' && first != '[') {
    (void)scanner.Number();
  } else {
    const char end = first == '{' ? '}' : ']';
    (void)scanner.Consume(first);
    if (scanner.Consume(end)) return;
    do {
      if (first == '{') {
        (void)scanner.String();
        (void)scanner.Consume(':');
      }
      Skip(scanner);
    } while (scanner.Consume(','));
    (void)scanner.Consume(end);
  }
}

}  // namespace

std::vector<JsonMember> MembersOf(absl::string_view value) {
  std::vector<JsonMember> members;
  const bool object = !value.empty() && value.front() == '{';
  const bool array = !value.empty() && value.front() == '[';
  if ((!object && !array) || value.size() == 2) return members;
  JsonScanner scanner(value);
  (void)scanner.Consume(value.front());
  do {
    JsonMember member;
    if (object) {
      member.name = scanner.String().value_or("");
      (void)scanner.Consume(':');
    }
    const std::size_t begin = scanner.offset();
    Skip(scanner);
    member.value = value.substr(begin, scanner.offset() - begin);
    members.push_back(member);
  } while (scanner.Consume(','));
  return members;
}

bool IsNamed(const JsonMember& member, absl::string_view name) {
  return !member.name.empty() && UnescapeJsonString(member.name) == name;
}

std::optional<absl::string_view> FindMember(absl::string_view value, absl::Span<const absl::string_view> path) {
  for (const absl::string_view name : path) {
    std::optional<absl::string_view> found;
    for (const JsonMember& member : MembersOf(value)) {
      if (IsNamed(member, name)) found = member.value;
    }
    if (!found.has_value()) return std::nullopt;
    value = *found;
  }
  return value;
}

}  // namespace authstate::cli
