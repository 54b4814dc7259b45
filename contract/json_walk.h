#ifndef AUTHSTATE_CONTRACT_JSON_WALK_H_
#define AUTHSTATE_CONTRACT_JSON_WALK_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace authstate {

// What a walk over a JSON text tells, in the order of the text. Every view points into the text, as it is written
// there. An error ends the walk.
class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;

  // A string with its quotes and escapes, a number, `true`, `false` or `null`.
  virtual absl::Status Scalar(absl::string_view token) = 0;
  // `{` or `[`.
  virtual absl::Status Begin(char bracket) = 0;
  // A string, the name of the member whose value comes next.
  virtual absl::Status Name(absl::string_view token) = 0;
  // A member or an element has been told, with this value; `more`: another follows.
  virtual absl::Status EndElement(absl::string_view value, bool more) = 0;
  // The object or array that has been told, with its brackets.
  virtual absl::Status End(absl::string_view whole) = 0;
};

// Tells `visitor` of the value that is all of `text`. InvalidArgument, with the byte offset, for text that is no JSON
// (JsonScanner) or is deeper than kMaxJsonDepth; else what the visitor returned.
absl::Status WalkJson(absl::string_view text, JsonVisitor& visitor);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_JSON_WALK_H_
