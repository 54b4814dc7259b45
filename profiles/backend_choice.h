#ifndef AUTHSTATE_PROFILES_BACKEND_CHOICE_H_
#define AUTHSTATE_PROFILES_BACKEND_CHOICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace authstate::profiles {

// What `--backend` may name: the embedded store, or one of the PostgreSQL profiles.
enum class BackendChoice : std::uint8_t { kSqlite, kPostgres, kTimeweb, kSupabase };

// The PostgreSQL profiles, in the order in which they are shown.
inline constexpr BackendChoice kPostgresProfiles[] = {BackendChoice::kPostgres, BackendChoice::kTimeweb,
                                                      BackendChoice::kSupabase};

// The word of the command line: `timeweb`.
std::string NameOf(BackendChoice choice);

// For people: `Timeweb PostgreSQL`.
std::string TitleOf(BackendChoice choice);

// The variable by which the system before this one chooses its database.
inline constexpr absl::string_view kLegacySwitch = "USE_LEGACY_SUPABASE";

// What that variable says: `false` is Timeweb, anything else is Supabase. Nothing when it is not set, or empty.
// `environment` holds `NAME=value`.
std::optional<BackendChoice> ChoiceOfLegacySwitch(const std::vector<std::string>& environment);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_BACKEND_CHOICE_H_
