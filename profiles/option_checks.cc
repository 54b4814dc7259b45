#include "profiles/option_checks.h"

#include <algorithm>
#include <cstddef>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "storage/absolute_path.h"

namespace authstate::profiles {
namespace {

bool IsNumberBetween(absl::string_view word, std::uint64_t least, std::uint64_t most) {
  const bool digits = !word.empty() && std::all_of(word.begin(), word.end(), absl::ascii_isdigit);
  if (!digits || (word.size() > 1 && word[0] == '0')) return false;
  std::uint64_t number = 0;
  return absl::SimpleAtoi(word, &number) && number >= least && number <= most;
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

// Of CLI11's two texts for a word that could not be converted, which quote it.
std::string OptionOfConversion(absl::string_view text) {
  constexpr absl::string_view kAllowed = " is not an allowed value for ";
  if (absl::ConsumePrefix(&text, "Could not convert: ")) return std::string(text.substr(0, text.find(" = ")));
  const std::size_t allowed = text.rfind(kAllowed);
  if (allowed != absl::string_view::npos) return std::string(text.substr(allowed + kAllowed.size()));
  return std::string(text.substr(0, text.find(':')));
}

std::string ConfigProblem(const CLI::App& app, absl::string_view text) {
  if (absl::EndsWith(text, "not allowed in a configuration file")) return std::string(text);
  (void)absl::ConsumePrefix(&text, "INI was not able to parse ");
  const auto path = app.get_config_ptr()->as<std::string>();
  // CLI11's mark for the begin of a section.
  if (absl::EndsWith(text, "++")) return absl::StrCat(storage::AbsolutePath(path), ": no option stands in a section");
  // Of a dotted name in quotes, the last part is what CLI11 knows it by.
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

CLI::Validator NumberBetween(std::uint64_t least, std::uint64_t most) {
  const std::string range = absl::StrCat(least, " to ", most);
  return {[=](const std::string& word) {
            return IsNumberBetween(word, least, most) ? ""
                                                      : absl::StrCat("a whole number from ", range, " is expected");
          },
          range};
}

CLI::Validator OneOf(const std::vector<std::string>& choices) {
  const std::string list = absl::StrJoin(choices, ", ");
  return {[=](const std::string& word) {
            const bool known = std::find(choices.begin(), choices.end(), word) != choices.end();
            return known ? "" : absl::StrCat("one of ", list, " is expected");
          },
          list};
}

std::string UsageProblem(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& commands) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return UnknownWords(app, commands);
  if (dynamic_cast<const CLI::ConfigError*>(&error) != nullptr) return ConfigProblem(app, error.what());
  // Every other option is checked before it is converted.
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    return absl::StrCat(OptionOfConversion(error.what()), ": true or false is expected");
  }
  return error.what();
}

}  // namespace authstate::profiles
