#include "profiles/backend_choice.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace authstate::profiles {

std::string NameOf(BackendChoice choice) {
  switch (choice) {
    case BackendChoice::kSqlite:
      return "sqlite";
    case BackendChoice::kPostgres:
      return "postgres";
    case BackendChoice::kTimeweb:
      return "timeweb";
    case BackendChoice::kSupabase:
      return "supabase";
  }
  return "";
}

std::string TitleOf(BackendChoice choice) {
  switch (choice) {
    case BackendChoice::kSqlite:
      return "SQLite";
    case BackendChoice::kPostgres:
      return "PostgreSQL";
    case BackendChoice::kTimeweb:
      return "Timeweb PostgreSQL";
    case BackendChoice::kSupabase:
      return "Supabase PostgreSQL";
  }
  return "";
}

std::optional<BackendChoice> ChoiceOfLegacySwitch(const std::vector<std::string>& environment) {
  const std::string assignment = absl::StrCat(kLegacySwitch, "=");
  for (absl::string_view entry : environment) {
    if (!absl::ConsumePrefix(&entry, assignment) || entry.empty()) continue;
    return entry == "false" ? BackendChoice::kTimeweb : BackendChoice::kSupabase;
  }
  return std::nullopt;
}

}  // namespace authstate::profiles
