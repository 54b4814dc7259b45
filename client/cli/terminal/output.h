#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_OUTPUT_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_OUTPUT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace authstate::cli {

// Members stay in the order they were added.
using Json = nlohmann::ordered_json;

// The text of `json`; a string that is not UTF-8 is shown with replacement characters.
std::string ToText(const Json& json);

// `object` with one more member whose value is JSON text, taken as it is. Values of the store are never parsed and
// written anew, which would change numbers and fail on unpaired surrogates.
std::string WithTextMember(const Json& object, absl::string_view name, absl::string_view text);

// Where the results of a command go: standard output, as text for people or as JSON for programs. Not thread-safe.
class Output {
 public:
  explicit Output(bool json) : json_(json) {}

  bool json() const { return json_; }

  // Unavailable would be a lie about the server, so a full disk is Internal; a reader that went away is Cancelled.
  absl::Status Write(absl::string_view text);
  absl::Status WriteLine(absl::string_view text);
  absl::Status WriteLines(const std::vector<std::string>& lines);
  // Writes the text of `json` as one line.
  absl::Status WriteJson(const Json& json);
  // Hands everything over to the system; to be called last.
  absl::Status Flush();

  // Says on standard error what the user should know though it is no error: `authstatectl: warning: …`, or an object
  // {"warning":"…"}.
  void Warn(absl::string_view text) const;

  bool reader_gone() const { return reader_gone_; }

 private:
  absl::Status Failure();

  const bool json_;
  bool reader_gone_ = false;
};

// Writes the error on standard error: one line for people, or an object {"error":{…}}.
void PrintError(const absl::Status& status, bool json);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_OUTPUT_H_
