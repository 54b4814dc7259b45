#ifndef AUTHSTATE_CONTRACT_JSON_MEMBERS_H_
#define AUTHSTATE_CONTRACT_JSON_MEMBERS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// Looks into canonical JSON text (contract/codec.h) without changing it: a parser that writes the text anew would
// change numbers and fail on unpaired surrogates. Pure; every view points into the text.
namespace authstate {

struct JsonMember {
  // As it is written, in its quotes; empty for an element of an array.
  absl::string_view name;
  absl::string_view value;
};

// The members of an object, or the elements of an array, in their order; none of any other value.
std::vector<JsonMember> MembersOf(absl::string_view value);

// Whether `member` has this name, however it is escaped.
bool IsNamed(const JsonMember& member, absl::string_view name);

// The value at the end of a path of member names; where a name stands twice, the last one, as JavaScript has it.
// nullopt when there is none.
std::optional<absl::string_view> FindMember(absl::string_view value, absl::Span<const absl::string_view> path);

// The text at the end of a path; nullopt when there is none, or no string that UTF-8 can hold.
std::optional<std::string> FindText(absl::string_view value, absl::Span<const absl::string_view> path);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_JSON_MEMBERS_H_
