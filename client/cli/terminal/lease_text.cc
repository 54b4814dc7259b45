#include "client/cli/terminal/lease_text.h"

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace authstate::cli {

bool IsLive(const client::Lease& lease) { return !lease.owner.empty() && lease.remaining > absl::ZeroDuration(); }

bool IsAtHome(const client::Lease& lease) { return absl::StartsWith(lease.owner, "home:"); }

std::string LifeOf(const client::Lease& lease) {
  if (lease.owner.empty()) return "free";
  if (!IsLive(lease)) return "expired";
  return absl::StrCat(absl::FormatDuration(absl::Trunc(lease.remaining, absl::Milliseconds(1))), " left");
}

std::string OwnerText(const client::Lease& lease) {
  if (lease.owner.empty()) return "-";
  return IsLive(lease) ? lease.owner : absl::StrCat(lease.owner, " (expired)");
}

Json LeaseJson(const client::Lease& lease) {
  return {{"owner", lease.owner}, {"fence", lease.fence}, {"remaining_ms", absl::ToInt64Milliseconds(lease.remaining)}};
}

}  // namespace authstate::cli
