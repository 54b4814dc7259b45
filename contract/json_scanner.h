#ifndef AUTHSTATE_CONTRACT_JSON_SCANNER_H_
#define AUTHSTATE_CONTRACT_JSON_SCANNER_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace authstate {

// Reads the tokens of one JSON text (RFC 8259) from left to right, checks each, and hands it out as it was written.
// Bytes above 0x7f inside strings are passed through: the caller has checked that the text is UTF-8.
//
// Not thread-safe. Views point into `text`, which must outlive them. Errors are InvalidArgument with the byte offset.
class JsonScanner {
 public:
  explicit JsonScanner(absl::string_view text) : text_(text) {}

  std::size_t offset() const { return offset_; }

  // Skips white space, then tells the next byte; 0 at the end of the text.
  char Peek();
  // Whether nothing but white space is left.
  bool AtEnd();
  // Peeks, and moves past the byte if it is `c`.
  bool Consume(char c);

  // The next token must be of this kind. A string token keeps its quotes and escapes.
  absl::StatusOr<absl::string_view> String();
  absl::StatusOr<absl::string_view> Number();
  // `true`, `false` or `null`.
  absl::StatusOr<absl::string_view> Literal();

  static absl::Status ErrorAt(std::size_t offset, absl::string_view reason);

 private:
  absl::Status Escape();
  bool Digits();

  absl::string_view text_;
  std::size_t offset_ = 0;
};

// The text that a string token stands for, as UTF-8; nullopt when it holds an unpaired surrogate, which UTF-8 cannot.
// `token` is a token that JsonScanner::String accepted.
std::optional<std::string> UnescapeJsonString(absl::string_view token);

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_JSON_SCANNER_H_
