#ifndef AUTHSTATE_PROFILES_LAYERED_OPTIONS_H_
#define AUTHSTATE_PROFILES_LAYERED_OPTIONS_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace authstate::profiles {

// The environment variable of an option: `AUTHSTATE_SQLITE_PATH` for `sqlite-path`.
std::string EnvironmentName(absl::string_view option);

// Parses `arguments` (without the program's name) with the options of `app`: flags win over the environment
// (`NAME=value`), which wins over the file that `--config` names. An empty variable counts as one that is not set.
//
// USE_LEGACY_SUPABASE stands where AUTHSTATE_BACKEND would stand, when that is not set: below `--backend`, above the
// file. Throws what CLI11 throws.
void ParseLayered(CLI::App& app, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_LAYERED_OPTIONS_H_
