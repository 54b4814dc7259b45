#ifndef AUTHSTATE_CLIENT_CLI_COMPLETION_H_
#define AUTHSTATE_CLIENT_CLI_COMPLETION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "profiles/command.h"

// Shell completion. The scripts of `authstatectl completion` know nothing of its commands: they call
// `authstatectl __complete WORD…`, with the words of the line up to the one that is being completed.
namespace authstate::cli {

// The hidden command that the scripts call.
inline constexpr absl::string_view kCompleteCommand = "__complete";

struct Completions {
  std::vector<std::string> words;
  // The shell is to complete names of folders, or of files too, by itself.
  bool folders = false;
  bool files = false;
};

// What may stand in place of the last of `words`; the program's name is not among them. `sessions` answers the ids of
// sessions with a prefix.
Completions Complete(const profiles::Command& program, const std::vector<std::string>& words,
                     absl::FunctionRef<std::vector<std::string>(const std::string& prefix)> sessions);

// The value that the line gives for the option `name`, as in `--address HOST` or `--address=HOST`.
std::optional<std::string> OptionInLine(const std::vector<std::string>& words, absl::string_view name);

// What the scripts read: one word a line, or `:folders`, or `:files`.
std::string ToLines(const Completions& completions);

// The scripts.
extern const absl::string_view kBashCompletion;
extern const absl::string_view kZshCompletion;

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMPLETION_H_
