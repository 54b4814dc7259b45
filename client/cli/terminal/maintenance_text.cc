#include "client/cli/terminal/maintenance_text.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {

Json MaintenanceJson(const client::MaintenanceInfo& maintenance) {
  return {{"reason", maintenance.terms.reason},
          {"hold_seconds", absl::ToDoubleSeconds(maintenance.terms.hold)},
          {"allowed_prefixes", maintenance.terms.allowed_prefixes},
          {"since", TimeText(maintenance.begin_time)},
          {"settle_seconds", absl::ToDoubleSeconds(maintenance.settle_time)},
          {"writes_under_way", maintenance.writes_under_way},
          {"held_writes", maintenance.held_writes}};
}

std::vector<std::vector<std::string>> MaintenanceRows(const client::MaintenanceInfo& maintenance) {
  const bool settled = maintenance.settle_time == absl::ZeroDuration();
  std::vector<std::vector<std::string>> rows{
      {"maintenance", Printable(maintenance.terms.reason)},
      {"since", TimeText(maintenance.begin_time)},
      {"writes", settled ? "held, by every server"
                         : absl::StrCat("held; every server has heard of it in ",
                                        absl::FormatDuration(absl::Ceil(maintenance.settle_time, absl::Seconds(1))))},
      {"held for", absl::FormatDuration(maintenance.terms.hold)},
      {"here", absl::StrCat(Count(maintenance.held_writes, "call"), " held, ",
                            Count(maintenance.writes_under_way, "write"), " under way")}};
  if (!maintenance.terms.allowed_prefixes.empty()) {
    rows.push_back({"allowed", Printable(absl::StrJoin(maintenance.terms.allowed_prefixes, " "))});
  }
  return rows;
}

}  // namespace authstate::cli
