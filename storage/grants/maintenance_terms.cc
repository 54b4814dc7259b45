#include "storage/grants/maintenance_terms.h"

#include <algorithm>
#include <utility>

namespace authstate::storage {
namespace {

bool SameScope(const SessionScope& a, const SessionScope& b) { return a.id == b.id && a.prefix == b.prefix; }

bool Covers(const std::vector<SessionScope>& scopes, absl::string_view session_id) {
  return std::any_of(scopes.begin(), scopes.end(), [&](const SessionScope& scope) { return scope.Covers(session_id); });
}

}  // namespace

bool Same(const Maintenance& a, const Maintenance& b) {
  return a.since == b.since && a.reason == b.reason && a.hold == b.hold &&
         std::equal(a.allowed.begin(), a.allowed.end(), b.allowed.begin(), b.allowed.end(), SameScope);
}

MaintenanceTerms Begun(const std::optional<MaintenanceTerms>& before, Maintenance asked, absl::Time now) {
  MaintenanceTerms terms;
  if (before.has_value()) terms.opened = before->opened;
  const absl::Time since = before.has_value() ? before->present.since : now;
  const bool has_since = asked.since > absl::UnixEpoch();
  asked.since = has_since ? std::min(asked.since, since) : since;
  for (const SessionScope& scope : asked.allowed) {
    const bool known = std::any_of(terms.opened.begin(), terms.opened.end(),
                                   [&](const SessionScope& other) { return SameScope(scope, other); });
    if (!known) terms.opened.push_back(scope);
  }
  terms.present = std::move(asked);
  return terms;
}

std::optional<absl::Time> LivesOnUntil(absl::string_view session_id, const Lease& lease, const MaintenanceTerms& before,
                                       const GrantRequest& request, absl::Time now) {
  const bool ends = request.action == GrantRequest::Action::kEndMaintenance;
  if (before.present.Allows(session_id) || request.maintenance.Allows(session_id) == ends) return std::nullopt;
  const std::optional<absl::Duration> left = LeftAfterMaintenance(lease, before.present.since);
  if (!left.has_value()) return std::nullopt;
  // What was renewed meanwhile does not show what it had left.
  const absl::Time until = now + (Covers(before.opened, session_id) ? kLeaseAfterMaintenance : *left);
  return lease.expire_time < until ? std::make_optional(until) : std::nullopt;
}

}  // namespace authstate::storage
