#include "client/cli/check/value_shape.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/byte_fields.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"

namespace authstate::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostShapes = 5;
constexpr std::size_t kMostNameBytes = 32;
constexpr std::ptrdiff_t kDigitsOfAPhoneNumber = 7;
// Deeper than anything that Baileys writes.
constexpr int kMostDepth = 16;

Json ShapeAt(absl::string_view json, int depth);

bool IsNameOfAProgram(absl::string_view name) {
  return !name.empty() && name.size() <= kMostNameBytes &&
         absl::c_all_of(name, [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; }) &&
         absl::c_count_if(name, absl::ascii_isdigit) < kDigitsOfAPhoneNumber;
}

// The shapes that differ, and how many have one.
class Shapes {
 public:
  void Add(absl::string_view json, int depth) {
    ++count_;
    if (shapes_.size() >= kMostShapes) return;
    Json shape = ShapeAt(json, depth);
    if (!absl::c_linear_search(shapes_, shape)) shapes_.push_back(std::move(shape));
  }

  Json Told(const char* as) const { return {{as, count_}, {"shapes", shapes_}}; }
  bool empty() const { return count_ == 0; }

 private:
  std::size_t count_ = 0;
  std::vector<Json> shapes_;
};

Json ShapeOfObject(absl::string_view json, int depth) {
  Json shape = Json::object();
  Shapes others;
  for (const JsonMember& member : MembersOf(json)) {
    const std::optional<std::string> name = UnescapeJsonString(member.name);
    if (name.has_value() && IsNameOfAProgram(*name)) {
      shape[*name] = ShapeAt(member.value, depth + 1);
    } else {
      others.Add(member.value, depth + 1);
    }
  }
  if (!others.empty()) shape.update(others.Told("<names>"));
  return shape;
}

Json ShapeOfArray(absl::string_view json, int depth) {
  Shapes elements;
  for (const JsonMember& element : MembersOf(json)) elements.Add(element.value, depth + 1);
  return elements.Told("<elements>");
}

Json ShapeAt(absl::string_view json, int depth) {
  if (depth > kMostDepth) return "deeper";
  switch (json.front()) {
    case '"':
      return absl::StrCat("string ", json.size() - 2);
    case 't':
    case 'f':
    case 'n':
      return Json::parse(json);
    case '{':
    case '[':
      break;
    default:
      return "number";
  }
  if (const std::optional<std::string> bytes = BytesOf(json)) {
    return absl::StrCat(absl::StrContains(json, R"("Buffer")") ? "Buffer " : "numbers ", bytes->size());
  }
  return json.front() == '{' ? ShapeOfObject(json, depth) : ShapeOfArray(json, depth);
}

}  // namespace

Json ShapeOf(const Value& value) {
  if (value.kind == ValueKind::kRaw) return absl::StrCat("Buffer ", value.bytes.size());
  return ShapeAt(value.bytes, 0);
}

}  // namespace authstate::cli
