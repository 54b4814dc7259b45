#include "contract/json_members.h"

#include <utility>

#include "absl/status/status.h"
#include "contract/json_scanner.h"
#include "contract/json_walk.h"

namespace authstate {
namespace {

// Keeps the members or elements of the outermost value.
class MemberCollector final : public JsonVisitor {
 public:
  std::vector<JsonMember> Take() && { return std::move(members_); }

  absl::Status Scalar(absl::string_view /*token*/) override { return absl::OkStatus(); }
  absl::Status Begin(char /*bracket*/) override {
    ++depth_;
    return absl::OkStatus();
  }
  absl::Status Name(absl::string_view token) override {
    if (depth_ == 1) name_ = token;
    return absl::OkStatus();
  }
  absl::Status EndElement(absl::string_view value, bool /*more*/) override {
    if (depth_ == 1) members_.push_back({name_, value});
    return absl::OkStatus();
  }
  absl::Status End(absl::string_view /*whole*/) override {
    --depth_;
    return absl::OkStatus();
  }

 private:
  int depth_ = 0;
  absl::string_view name_;
  std::vector<JsonMember> members_;
};

}  // namespace

std::vector<JsonMember> MembersOf(absl::string_view value) {
  MemberCollector collector;
  // Canonical text cannot fail.
  (void)WalkJson(value, collector);
  return std::move(collector).Take();
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

std::optional<std::string> FindText(absl::string_view value, absl::Span<const absl::string_view> path) {
  const std::optional<absl::string_view> found = FindMember(value, path);
  if (!found.has_value() || found->front() != '"') return std::nullopt;
  return UnescapeJsonString(*found);
}

}  // namespace authstate
