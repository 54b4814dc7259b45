// The one file that knows CLI11, which costs each file that includes it seconds to compile. CLI11's own checks and
// texts quote the word that was given; those here name the option and what is expected.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstddef>
#include <fstream>
#include <map>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "profiles/backend_choice.h"
#include "profiles/command.h"
#include "storage/absolute_path.h"

namespace authstate::profiles {
namespace {

constexpr char kConfig[] = "--config";

void Declare(CLI::App& app, const Option& option) {
  CLI::Option* declared = nullptr;
  if (option.flag != nullptr) {
    declared = app.add_flag(option.names, *option.flag, option.help);
  } else if (option.list != nullptr) {
    declared = app.add_option(option.names, *option.list, option.help);
    if (option.delimiter != 0) declared->delimiter(option.delimiter);
    if (option.delimiter == 0 && !option.positional()) declared->allow_extra_args(false);
  } else {
    const auto set = [&option](const std::string& value) {
      const std::string expected = option.set(value);
      if (!expected.empty()) throw CLI::ValidationError(option.names, expected);
    };
    declared = app.add_option_function<std::string>(option.names, set, option.help);
    declared->type_name(option.type);
    if (option.initial != "0" && !option.required) declared->default_str(option.initial);
    // CLI11 2.4 takes a value of the environment that a validator refuses for none.
    if (option.variable.empty()) {
      declared->check(CLI::Validator([&option](const std::string& value) { return option.set(value); }, option.range));
    }
  }
  if (!option.group.empty()) declared->group(option.group);
  if (!option.variable.empty()) declared->envname(option.variable);
  declared->required(option.required)->configurable(option.layered);
}

void Declare(CLI::App& app, const Command& command) {
  if (command.last_value_wins) app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  if (!command.footer.empty()) app.footer(command.footer);
  for (const Option& option : command.options) Declare(app, option);
  for (const Option& option : command.options) {
    CLI::Option* const declared = app.get_option(option.names.substr(option.names.find(',') + 1));
    if (!option.needs.empty()) declared->needs(app.get_option(option.needs));
    if (!option.excludes.empty()) declared->excludes(app.get_option(option.excludes));
  }
  for (const Command& below : command.commands) Declare(*app.add_subcommand(below.name, below.help), below);
  // Once one was chosen, a word is no other: a session may be called `list`.
  if (!command.commands.empty()) app.require_subcommand(0, 1);
  app.callback([&app, &command] {
    for (const CLI::Option* option : app.get_options()) {
      if (command.given == nullptr || option->count() == 0 || option->get_lnames().empty()) continue;
      command.given->push_back(absl::StrCat("--", option->get_lnames().front(), "=", option->results().back()));
    }
    if (command.chosen) command.chosen();
  });
}

// The environment variable of an option: `AUTHSTATE_SQLITE_PATH` for `--sqlite-path`.
std::string EnvironmentName(absl::string_view option) {
  (void)absl::ConsumePrefix(&option, "--");
  return absl::StrCat("AUTHSTATE_", absl::AsciiStrToUpper(absl::StrReplaceAll(option, {{"-", "_"}})));
}

// The environment as flags that come before the real ones, which therefore win; both win over the file, which only
// fills in what no flag gave. (CLI11's own handling of the environment would let the file win.)
std::vector<std::string> EnvironmentAsFlags(const Command& program, const std::vector<std::string>& environment) {
  std::map<std::string, std::string> values;
  for (const std::string& entry : environment) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    if (!pair.second.empty()) values.insert(pair);
  }
  if (const std::optional<BackendChoice> choice = ChoiceOfLegacySwitch(environment); choice.has_value()) {
    values.emplace(EnvironmentName("--backend"), NameOf(*choice));
  }
  std::vector<std::string> names = {kConfig};
  for (const Option& option : program.options) {
    if (option.layered) names.push_back(option.names);
  }
  std::vector<std::string> flags;
  for (const std::string& name : names) {
    const auto value = values.find(EnvironmentName(name));
    if (value != values.end()) flags.push_back(absl::StrCat(name, "=", value->second));
  }
  return flags;
}

bool IsNamePart(unsigned char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.'; }

// The name at the start of `text`, for one that has its value right behind it.
absl::string_view NameAtStart(absl::string_view text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), IsNamePart);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

// A short option has its value right behind its letter, as in -pSECRET.
absl::string_view OptionName(absl::string_view word) {
  return absl::StartsWith(word, "--") ? NameAtStart(word) : word.substr(0, 2);
}

// The words in the place of a command and its subcommand, which are no values.
std::vector<std::string> CommandWords(const Command& program, const std::vector<std::string>& words) {
  const std::ptrdiff_t depth = program.commands.empty() ? 0 : 2;
  const auto option =
      std::find_if(words.begin(), words.end(), [](absl::string_view word) { return absl::StartsWith(word, "-"); });
  return {words.begin(), words.begin() + std::min(depth, option - words.begin())};
}

// Tells the names of unknown options, and of other unknown words only those that are in `commands`.
std::string UnknownWords(const CLI::App& app, const std::vector<std::string>& commands) {
  std::vector<std::string> named;
  std::size_t unnamed = 0;
  // CLI11 gives the words here in the order in which they were typed, and in its own error text in reverse.
  for (const std::string& word : app.remaining(/*recurse=*/true)) {
    if (word.size() > 1 && word[0] == '-') {
      named.emplace_back(OptionName(word));
    } else if (std::find(commands.begin(), commands.end(), word) != commands.end()) {
      named.push_back(word);
    } else {
      ++unnamed;
    }
  }
  std::string text = absl::StrCat("not known here: ", absl::StrJoin(named, " "));
  if (unnamed == 0) return text;
  return absl::StrCat(text, named.empty() ? "" : ", and ", unnamed, unnamed == 1 ? " word" : " words",
                      " that no option takes (not shown, as it may be a secret)");
}

// The option in either of CLI11's two texts for a word that could not be converted, which quote that word.
std::string OptionOfConversion(absl::string_view text) {
  constexpr absl::string_view kAllowed = " is not an allowed value for ";
  if (absl::ConsumePrefix(&text, "Could not convert: ")) return std::string(text.substr(0, text.find(" = ")));
  const std::size_t allowed = text.rfind(kAllowed);
  if (allowed != absl::string_view::npos) return std::string(text.substr(allowed + kAllowed.size()));
  return std::string(text.substr(0, text.find(':')));
}

// Tells the number of a line of the file, and what stands before its `=`.
std::string ConfigProblem(const CLI::App& app, absl::string_view text) {
  if (absl::EndsWith(text, "not allowed in a configuration file")) return std::string(text);
  (void)absl::ConsumePrefix(&text, "INI was not able to parse ");
  const auto path = app.get_config_ptr()->as<std::string>();
  // CLI11's mark for the begin of a section.
  if (absl::EndsWith(text, "++")) return absl::StrCat(storage::AbsolutePath(path), ": no option stands in a section");
  // CLI11 knows a dotted name in quotes by its last part.
  const absl::string_view entry = text.substr(text.rfind('.') + 1);
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(line);
    if (!absl::StartsWith(stripped, entry)) continue;
    const std::string place = absl::StrCat(storage::AbsolutePath(path), ", line ", number, ": ");
    if (!absl::StrContains(stripped, '=')) return absl::StrCat(place, "NAME = VALUE is expected");
    return absl::StrCat(place, "not known here: ", NameAtStart(stripped));
  }
  return absl::StrCat(storage::AbsolutePath(path), " has an entry that is no option");
}

}  // namespace

absl::StatusOr<std::string> Parse(const Command& program, const std::vector<std::string>& arguments,
                                  const std::string& version, const Layers* layers) {
  CLI::App app(program.help, program.name);
  app.fallthrough();
  if (!version.empty()) app.set_version_flag("--version", version, "Print the version and exit")->configurable(false);
  Declare(app, program);
  std::vector<std::string> words;
  if (layers != nullptr) {
    app.set_config(kConfig, "", "TOML file with options");
    app.allow_config_extras(layers->foreign_entries ? CLI::config_extras_mode::ignore : CLI::config_extras_mode::error);
    words = EnvironmentAsFlags(program, layers->environment);
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::reverse(words.begin(), words.end());  // CLI11 takes a vector from its back
  const auto config = [&app] { return app.get_config_ptr()->as<std::string>(); };
  try {
    app.parse(std::move(words));
    if (layers != nullptr && layers->config_path != nullptr && app.get_config_ptr()->count() > 0) {
      *layers->config_path = config();
    }
    return "";
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::CallForVersion&) {
    return absl::StrCat(version, "\n");
  } catch (const CLI::FileError&) {
    return absl::InvalidArgumentError(CLI::FileError::Missing(storage::AbsolutePath(config())).what());
  } catch (const CLI::ExtrasError&) {
    return absl::InvalidArgumentError(UnknownWords(app, CommandWords(program, arguments)));
  } catch (const CLI::ConfigError& error) {
    return absl::InvalidArgumentError(ConfigProblem(app, error.what()));
  } catch (const CLI::ConversionError& error) {
    // Every option but a flag is checked before it is converted.
    return absl::InvalidArgumentError(absl::StrCat(OptionOfConversion(error.what()), ": true or false is expected"));
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

}  // namespace authstate::profiles
