#include "client/cli/completion.h"

#include <cstddef>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/folder/file_name.h"

namespace authstate::cli {
namespace {

using profiles::Command;
using profiles::Option;

constexpr absl::string_view kFolders = ":folders";
constexpr absl::string_view kFiles = ":files";

bool IsOption(absl::string_view word) { return absl::StartsWith(word, "-") && word != "-"; }

// Where a line stands: the commands that its words have led to, and how many arguments the last of them has.
struct Position {
  std::vector<const Command*> commands;
  std::size_t arguments = 0;
  // Whether the value of an option comes next.
  bool value_follows = false;
};

// Whether `word` names an option that takes a value.
bool TakesValue(const std::vector<const Command*>& commands, absl::string_view word) {
  for (const Command* command : commands) {
    for (const Option& option : command->options) {
      const std::vector<absl::string_view> names = absl::StrSplit(option.names, ',');
      if (absl::c_linear_search(names, word)) return option.flag == nullptr;
    }
  }
  return false;
}

const Command* FindCommand(const Command& parent, const std::string& name) {
  for (const Command& command : parent.commands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

Position Follow(const Command& program, const std::vector<std::string>& words) {
  Position position{{&program}};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (position.value_follows) {
      position.value_follows = false;
    } else if (IsOption(word)) {
      position.value_follows = TakesValue(position.commands, word);
    } else if (const Command* const command = FindCommand(*position.commands.back(), word)) {
      position.commands.push_back(command);
      position.arguments = 0;
    } else {
      ++position.arguments;
    }
  }
  return position;
}

std::vector<std::string> OptionNames(const std::vector<const Command*>& commands) {
  std::vector<std::string> names = {"--help"};
  for (const Command* command : commands) {
    for (const Option& option : command->options) {
      if (!option.positional()) names.push_back(option.names.substr(option.names.find("--")));
    }
  }
  return names;
}

// The argument at `index`; the last may be given more than once.
const Option* ArgumentAt(const Command& command, std::size_t index) {
  const Option* last = nullptr;
  for (const Option& option : command.options) {
    if (!option.positional()) continue;
    last = &option;
    if (index-- == 0) return last;
  }
  return last != nullptr && last->list != nullptr ? last : nullptr;
}

Completions CompleteArgument(const std::string& name, const std::string& prefix,
                             absl::FunctionRef<std::vector<std::string>(const std::string& prefix)> sessions) {
  if (name == "SESSION" || name == "FROM") return {sessions(prefix)};
  if (name == "SHELL") return {{"bash", "zsh"}};
  if (name == "DIR") return {{}, /*folders=*/true};
  if (name == "PATH") return {{}, /*folders=*/false, /*files=*/true};
  if (name == "TYPE") return {{KnownKeyTypes().begin(), KnownKeyTypes().end()}};
  return {};
}

}  // namespace

Completions Complete(const Command& program, const std::vector<std::string>& words,
                     absl::FunctionRef<std::vector<std::string>(const std::string& prefix)> sessions) {
  if (words.empty()) return {};
  const std::string& prefix = words.back();
  const Position position = Follow(program, words);
  const Command& command = *position.commands.back();
  Completions completions;
  if (position.value_follows) return completions;
  if (IsOption(prefix)) {
    completions.words = OptionNames(position.commands);
  } else if (const Option* const argument = ArgumentAt(command, position.arguments)) {
    completions = CompleteArgument(argument->names, prefix, sessions);
  } else {
    for (const Command& below : command.commands) completions.words.push_back(below.name);
  }
  std::vector<std::string> fitting;
  for (std::string& word : completions.words) {
    if (absl::StartsWith(word, prefix)) fitting.push_back(std::move(word));
  }
  completions.words = std::move(fitting);
  return completions;
}

std::optional<std::string> OptionInLine(const std::vector<std::string>& words, absl::string_view name) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    absl::string_view word = words[i];
    if (word == name && i + 2 < words.size()) return words[i + 1];
    if (absl::ConsumePrefix(&word, absl::StrCat(name, "="))) return std::string(word);
  }
  return std::nullopt;
}

std::string ToLines(const Completions& completions) {
  if (completions.folders) return absl::StrCat(kFolders, "\n");
  if (completions.files) return absl::StrCat(kFiles, "\n");
  return completions.words.empty() ? "" : absl::StrCat(absl::StrJoin(completions.words, "\n"), "\n");
}

}  // namespace authstate::cli
