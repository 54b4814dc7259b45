#ifndef AUTHSTATE_PROFILES_COMMAND_H_
#define AUTHSTATE_PROFILES_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// The command line of a program. Each option is declared once, as data: what is accepted, where else it may stand,
// --help, --print-config, shell completion and what is hidden of passwords all follow from that.
namespace authstate::profiles {

// The most that a store keeps of a fence or a revision.
inline constexpr std::uint64_t kMaxStoredNumber = std::numeric_limits<std::int64_t>::max();

// The most memory that may be asked for: 1 TiB.
inline constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 40;

// One option, flag or argument, made by the functions below. What it points to outlives the parsing.
struct Option {
  // `--name`, `-n,--name`, or the name of an argument by position: `SESSION`.
  std::string names;
  std::string help;
  // Takes a value, and returns "" or what is expected in its place. Called more than once for a value.
  std::function<std::string(const std::string& value)> set;
  // The value in force; empty: none.
  std::function<std::string()> get;
  // Set in place of these two for an option without a value, and for one that is given more than once.
  bool* flag = nullptr;
  std::vector<std::string>* list = nullptr;
  // What `get` was at first, which --help shows unless it is nothing: empty or 0.
  std::string initial;
  // What --help calls the value, and what it may be.
  std::string type = "TEXT";
  std::string range;
  // The heading of --help under which it stands; empty: the first. A group is in --print-config only once it is used.
  std::string group;
  // Divides the values of a list within one word, if set.
  char delimiter = 0;
  bool required = false;
  // Whether the environment and the configuration file may give it, where the program has them.
  bool layered = true;
  // The one variable of a program without layers that gives it.
  std::string variable;
  // Names of options of the same command: one that has to be there too, and one that may not.
  std::string needs;
  std::string excludes;
  // What --print-config shows of a value that may hold a password; nullptr: all.
  std::string (*mask)(absl::string_view value) = nullptr;

  bool positional() const { return names.front() != '-'; }
};

// Any text that `set` accepts, as Option::set and Option::get.
Option Custom(std::string names, std::string help, std::function<std::string(const std::string& value)> set,
              std::function<std::string()> get);
Option Text(std::string names, std::string* value, std::string help);
Option Flag(std::string names, bool* value, std::string help);
// Once for each value, or divided by `delimiter`.
Option List(std::string names, std::vector<std::string>* values, std::string help, char delimiter = 0);
// One of `choices`, told apart by its index.
Option OneOf(std::string names, const std::vector<std::string>& choices, std::string help,
             const std::function<void(std::size_t)>& set, std::function<std::string()> get);
Option Choice(std::string names, std::string* value, const std::vector<std::string>& choices, std::string help);
template <typename Enum>
Option Choice(std::string names, Enum* value, const std::vector<std::pair<std::string, Enum>>& choices,
              std::string help) {
  std::vector<std::string> words;
  words.reserve(choices.size());
  for (const auto& choice : choices) words.push_back(choice.first);
  return OneOf(
      std::move(names), words, std::move(help), [=](std::size_t index) { *value = choices[index].second; },
      [=] {
        std::size_t index = 0;
        while (choices[index].second != *value) ++index;
        return choices[index].first;
      });
}
// `least` to `most`, both positive, as in `30s`.
Option Duration(std::string names, absl::Duration* value, absl::Duration least, absl::Duration most, std::string help);
// The same as a whole number, for names that end with -ms.
Option Milliseconds(std::string names, absl::Duration* value, std::uint64_t least, std::uint64_t most,
                    std::string help);
// A whole number in decimal digits. A leading zero is refused, as some take it for octal.
Option WholeNumber(std::string names, std::uint64_t least, std::uint64_t most, std::string help,
                   const std::function<void(std::uint64_t)>& set, std::function<std::uint64_t()> get);
template <typename Integer>
Option Number(std::string names, Integer* value, std::uint64_t least, std::uint64_t most, std::string help) {
  return WholeNumber(
      std::move(names), least, most, std::move(help),
      [value](std::uint64_t number) { *value = static_cast<Integer>(number); },
      [value] { return static_cast<std::uint64_t>(*value); });
}

// Has to be given.
Option Required(Option option);
// Shows no more of its value than `mask` lets through.
Option Masked(Option option, std::string (*mask)(absl::string_view value));

// A program, or one of its commands.
struct Command {
  std::string name;
  std::string help;
  std::vector<Option> options;
  std::vector<Command> commands;
  // Called when the line names this command.
  std::function<void()> chosen;
  // After the options in --help; empty: that of the command above.
  std::string footer;
  // Where an option of this command, or of those below it, is given more than once, the last value counts. Otherwise
  // that is an error.
  bool last_value_wins = false;
  // If set, takes what the line gives for the options of this command, as `--name=value`.
  std::vector<std::string>* given = nullptr;
};

// Where options come from besides the command line: flags win over the environment, which wins over the file that
// --config names.
struct Layers {
  // `NAME=value`: AUTHSTATE_SQLITE_PATH for `--sqlite-path`. An empty one counts as one that is not set. In place of
  // AUTHSTATE_BACKEND, USE_LEGACY_SUPABASE may stand.
  std::vector<std::string> environment;
  // Whether the file may say more than what is declared.
  bool foreign_entries = false;
  // Is given the path of the file, if there is one.
  std::string* config_path = nullptr;
};

// Fills in what the options point to, and calls what the line chose. `arguments` has no program name; `version`, unless
// it is empty, is the answer to --version.
//
// Returns the text to print in place of going on (--help, --version), which is usually empty. InvalidArgument with what
// is wrong, in one line that names options and quotes no value, as one that slipped in may be a password.
absl::StatusOr<std::string> Parse(const Command& program, const std::vector<std::string>& arguments,
                                  const std::string& version = "", const Layers* layers = nullptr);

// The options in force as lines of the configuration file, passwords masked.
std::string PrintConfig(const Command& program);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_COMMAND_H_
