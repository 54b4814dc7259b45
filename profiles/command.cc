#include "profiles/command.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace authstate::profiles {
namespace {

bool IsNumberBetween(absl::string_view word, std::uint64_t least, std::uint64_t most, std::uint64_t* number) {
  const bool digits = !word.empty() && std::all_of(word.begin(), word.end(), absl::ascii_isdigit);
  if (!digits || (word.size() > 1 && word[0] == '0')) return false;
  return absl::SimpleAtoi(word, number) && *number >= least && *number <= most;
}

std::string TomlString(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string ConfigValue(const Option& option) {
  if (option.flag != nullptr) return *option.flag ? "true" : "false";
  std::string value = option.get();
  if (option.mask != nullptr && !value.empty()) value = option.mask(value);
  return option.type == "TEXT" ? TomlString(value) : value;
}

bool IsChanged(const Option& option) { return option.get && option.get() != option.initial; }

}  // namespace

Option Custom(std::string names, std::string help, std::function<std::string(const std::string& value)> set,
              std::function<std::string()> get) {
  Option option;
  option.names = std::move(names);
  option.help = std::move(help);
  option.set = std::move(set);
  option.get = std::move(get);
  option.initial = option.get();
  return option;
}

Option Text(std::string names, std::string* value, std::string help) {
  const auto set = [value](const std::string& text) {
    *value = text;
    return std::string();
  };
  return Custom(std::move(names), std::move(help), set, [value] { return *value; });
}

Option Flag(std::string names, bool* value, std::string help) {
  Option option;
  option.names = std::move(names);
  option.help = std::move(help);
  option.flag = value;
  return option;
}

Option List(std::string names, std::vector<std::string>* values, std::string help, char delimiter) {
  Option option;
  option.names = std::move(names);
  option.help = std::move(help);
  option.list = values;
  option.delimiter = delimiter;
  return option;
}

Option OneOf(std::string names, const std::vector<std::string>& choices, std::string help,
             const std::function<void(std::size_t)>& set, std::function<std::string()> get) {
  const std::string list = absl::StrJoin(choices, ", ");
  const auto set_word = [=](const std::string& word) {
    const auto choice = std::find(choices.begin(), choices.end(), word);
    if (choice == choices.end()) return absl::StrCat("one of ", list, " is expected");
    set(static_cast<std::size_t>(choice - choices.begin()));
    return std::string();
  };
  Option option = Custom(std::move(names), std::move(help), set_word, std::move(get));
  option.range = list;
  return option;
}

Option Choice(std::string names, std::string* value, const std::vector<std::string>& choices, std::string help) {
  return OneOf(
      std::move(names), choices, std::move(help), [=](std::size_t index) { *value = choices[index]; },
      [value] { return *value; });
}

Option Duration(std::string names, absl::Duration* value, absl::Duration least, absl::Duration most, std::string help) {
  const std::string range = absl::StrCat(absl::FormatDuration(least), " to ", absl::FormatDuration(most));
  const auto set = [=](const std::string& text) {
    absl::Duration duration;
    const bool valid = absl::ParseDuration(text, &duration) && duration >= least && duration <= most;
    if (valid) *value = duration;
    return valid ? "" : absl::StrCat("a duration from ", range, " is expected, such as 30s or 500ms");
  };
  Option option = Custom(std::move(names), std::move(help), set, [value] { return absl::FormatDuration(*value); });
  option.range = range;
  return option;
}

Option Milliseconds(std::string names, absl::Duration* value, std::uint64_t least, std::uint64_t most,
                    std::string help) {
  return WholeNumber(
      std::move(names), least, most, std::move(help),
      [value](std::uint64_t number) { *value = absl::Milliseconds(number); },
      [value] { return static_cast<std::uint64_t>(absl::ToInt64Milliseconds(*value)); });
}

Option WholeNumber(std::string names, std::uint64_t least, std::uint64_t most, std::string help,
                   const std::function<void(std::uint64_t)>& set, std::function<std::uint64_t()> get) {
  const std::string range = absl::StrCat(least, " to ", most);
  const auto set_text = [=](const std::string& word) {
    std::uint64_t number = 0;
    const bool valid = IsNumberBetween(word, least, most, &number);
    if (valid) set(number);
    return valid ? "" : absl::StrCat("a whole number from ", range, " is expected");
  };
  Option option =
      Custom(std::move(names), std::move(help), set_text, [get = std::move(get)] { return absl::StrCat(get()); });
  option.type = "UINT";
  option.range = range;
  return option;
}

Option Required(Option option) {
  option.required = true;
  return option;
}

Option Masked(Option option, std::string (*mask)(absl::string_view value)) {
  option.mask = mask;
  return option;
}

std::string PrintConfig(const Command& program) {
  std::map<std::string, bool> used;
  for (const Option& option : program.options) {
    if (option.group.empty() || IsChanged(option)) used[option.group] = true;
  }
  std::string lines;
  for (const Option& option : program.options) {
    absl::string_view name = option.names;
    if (!option.layered || !used[option.group] || !absl::ConsumePrefix(&name, "--")) continue;
    const bool absent = option.get && option.get().empty() && option.initial.empty();
    if (!absent) absl::StrAppend(&lines, name, " = ", ConfigValue(option), "\n");
  }
  return lines;
}

}  // namespace authstate::profiles
