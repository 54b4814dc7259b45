#include "client/cli/terminal/write_behind_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

// The clock of the server may be another one.
absl::Duration AgeOf(absl::Time time, absl::Time now) { return std::max(now - time, absl::ZeroDuration()); }

std::string AgeText(absl::Time time, absl::Time now) {
  return absl::FormatDuration(absl::Trunc(AgeOf(time, now), absl::Milliseconds(1)));
}

}  // namespace

Json WriteBehindJson(const client::WriteBehindInfo& state, absl::Time now) {
  Json json{{"store", state.store_id},
            {"address", state.address},
            {"sessions", state.sessions},
            {"unflushed_sessions", state.unflushed_sessions},
            {"unflushed_commits", state.unflushed_commits},
            {"unflushed_bytes", state.unflushed_bytes},
            {"orphans", state.orphans}};
  json["oldest_unflushed_seconds"] = state.oldest_unflushed_time.has_value()
                                         ? Json(absl::ToDoubleSeconds(AgeOf(*state.oldest_unflushed_time, now)))
                                         : Json();
  json["database_away_since"] = state.away_since.has_value() ? Json(TimeText(*state.away_since)) : Json();
  return json;
}

std::vector<std::vector<std::string>> WriteBehindRows(const client::WriteBehindInfo& state, absl::Time now) {
  std::string unflushed = "nothing";
  if (state.unflushed_sessions > 0) {
    unflushed = absl::StrCat(Count(state.unflushed_commits, "commit"), ", about ", Count(state.unflushed_bytes, "byte"),
                             ", of ", Count(state.unflushed_sessions, "session"));
  }
  if (state.oldest_unflushed_time.has_value()) {
    absl::StrAppend(&unflushed, ", the oldest for ", AgeText(*state.oldest_unflushed_time, now));
  }
  return {{"write-behind", absl::StrCat(state.store_id, state.address.empty() ? "" : "@", Printable(state.address))},
          {"at home", Count(state.sessions, "session")},
          {"not flushed", unflushed},
          {"kept aside", Count(state.orphans, "orphan")},
          {"database",
           state.away_since.has_value() ? absl::StrCat("away since ", TimeText(*state.away_since)) : "reached"}};
}

}  // namespace authstate::cli
