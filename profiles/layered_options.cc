#include "profiles/layered_options.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "profiles/backend_choice.h"
#include "storage/absolute_path.h"

namespace authstate::profiles {
namespace {

constexpr absl::string_view kEnvironmentPrefix = "AUTHSTATE_";
constexpr absl::string_view kBackendOption = "backend";

// The environment as flags that come before the real ones, which therefore win; both win over the file, which only
// fills in what no flag gave. (CLI11's own handling of the environment would let the file win.)
std::vector<std::string> EnvironmentAsFlags(const CLI::App& app, const std::vector<std::string>& environment) {
  std::map<std::string, std::string> values;
  for (const std::string& entry : environment) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    if (!pair.second.empty()) values.insert(pair);
  }
  if (const std::optional<BackendChoice> choice = ChoiceOfLegacySwitch(environment); choice.has_value()) {
    values.emplace(EnvironmentName(kBackendOption), NameOf(*choice));
  }
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string>& names = option->get_lnames();
    if (names.empty()) continue;
    const bool is_config = app.get_config_ptr() == option;
    if (!option->get_configurable() && !is_config) continue;
    const auto value = values.find(EnvironmentName(names[0]));
    if (value != values.end()) flags.push_back(absl::StrCat("--", names[0], "=", value->second));
  }
  return flags;
}

}  // namespace

std::string EnvironmentName(absl::string_view option) {
  return absl::StrCat(kEnvironmentPrefix, absl::AsciiStrToUpper(absl::StrReplaceAll(option, {{"-", "_"}})));
}

void ParseLayered(CLI::App& app, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment) {
  std::vector<std::string> all = EnvironmentAsFlags(app, environment);
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::reverse(all.begin(), all.end());  // CLI11 takes a vector from its back
  try {
    app.parse(std::move(all));
  } catch (const CLI::FileError&) {
    throw CLI::FileError::Missing(storage::AbsolutePath(app.get_config_ptr()->as<std::string>()));
  }
}

}  // namespace authstate::profiles
