#include "client/cli/completion.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/folder/file_name.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kFolders = ":folders";

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

bool IsOption(absl::string_view word) { return absl::StartsWith(word, "-") && word != "-"; }

// Where a line stands: the command that its words have led to, and how many positional arguments that one has.
struct Position {
  CLI::App* command;
  std::size_t positionals = 0;
  // The option whose value comes next, if any.
  const CLI::Option* pending = nullptr;
};

// The option that `word` names, in the command or one above it.
const CLI::Option* FindOption(CLI::App* command, const std::string& word) {
  for (CLI::App* app = command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_positional() && option->check_name(word)) return option;
    }
  }
  return nullptr;
}

CLI::App* FindCommand(CLI::App* parent, const std::string& name) {
  for (CLI::App* command : parent->get_subcommands([](const CLI::App* /*any*/) { return true; })) {
    if (command->check_name(name)) return command;
  }
  return nullptr;
}

Position Follow(CLI::App& app, const std::vector<std::string>& words) {
  Position position{&app};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (position.pending != nullptr) {
      position.pending = nullptr;
    } else if (IsOption(word)) {
      const CLI::Option* const option = FindOption(position.command, word);
      if (option != nullptr && TakesValue(*option)) position.pending = option;
    } else if (CLI::App* const command = FindCommand(position.command, word)) {
      position = {command};
    } else {
      ++position.positionals;
    }
  }
  return position;
}

std::vector<std::string> OptionNames(CLI::App* command) {
  std::vector<std::string> names;
  for (CLI::App* app = command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        std::string word = absl::StrCat("--", name);
        // Every command has its own --help.
        if (std::find(names.begin(), names.end(), word) == names.end()) names.push_back(std::move(word));
      }
    }
  }
  return names;
}

// The positional argument at `index`; the last may be given more than once.
const CLI::Option* PositionalAt(CLI::App* command, std::size_t index) {
  const CLI::Option* last = nullptr;
  for (const CLI::Option* option : command->get_options()) {
    if (!option->get_positional()) continue;
    last = option;
    if (index-- == 0) return option;
  }
  const bool repeats = last != nullptr && last->get_items_expected_max() > 1;
  return repeats ? last : nullptr;
}

Completions CompletePositional(const CLI::Option& positional, const std::string& prefix,
                               absl::FunctionRef<std::vector<std::string>(const std::string& prefix)> sessions) {
  const std::string name = positional.get_name(/*positional=*/true);
  if (name == "SESSION") return {sessions(prefix)};
  if (name == "SHELL") return {{"bash", "zsh"}};
  if (name == "DIR") return {{}, /*folders=*/true};
  if (name == "TYPE") return {{KnownKeyTypes().begin(), KnownKeyTypes().end()}};
  return {};
}

}  // namespace

Completions Complete(CLI::App& app, const std::vector<std::string>& words,
                     absl::FunctionRef<std::vector<std::string>(const std::string& prefix)> sessions) {
  if (words.empty()) return {};
  const std::string& prefix = words.back();
  const Position position = Follow(app, words);
  Completions completions;
  if (position.pending != nullptr) return completions;
  if (IsOption(prefix)) {
    completions.words = OptionNames(position.command);
  } else if (const CLI::Option* const positional = PositionalAt(position.command, position.positionals)) {
    completions = CompletePositional(*positional, prefix, sessions);
  } else {
    for (CLI::App* command : position.command->get_subcommands([](const CLI::App* /*any*/) { return true; })) {
      completions.words.push_back(command->get_name());
    }
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
  return completions.words.empty() ? "" : absl::StrCat(absl::StrJoin(completions.words, "\n"), "\n");
}

}  // namespace authstate::cli
