#include "server/access/access_list.h"

#include <algorithm>
#include <tuple>

#include "server/access/credentials.h"

namespace authstate::server {

AccessList::AccessList(std::uint64_t version, std::vector<storage::Grant> grants) : version_(version) {
  grants_.reserve(grants.size());
  for (storage::Grant& grant : grants) {
    const ListedGrant* const listed = grants_.emplace_back(std::make_unique<ListedGrant>(std::move(grant))).get();
    if (listed->grant.certificate_name.empty()) {
      by_id_.emplace(listed->grant.id, listed);
    } else {
      by_name_[CanonicalName(listed->grant.certificate_name)].push_back(listed);
    }
  }
}

const ListedGrant* AccessList::FindToken(absl::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<const ListedGrant*> AccessList::FindCertificates(const std::vector<std::string>& names) const {
  std::vector<const ListedGrant*> grants;
  for (const std::string& name : names) {
    const auto found = by_name_.find(name);
    if (found != by_name_.end()) grants.insert(grants.end(), found->second.begin(), found->second.end());
  }
  return grants;
}

std::vector<std::string> AccessList::TakeUsed() const {
  std::vector<std::string> used;
  for (const auto& listed : grants_) {
    if (listed->used.exchange(false, std::memory_order_relaxed)) used.push_back(listed->grant.id);
  }
  return used;
}

std::vector<storage::SessionScope> ScopesWith(storage::Right right, const std::vector<const ListedGrant*>& grants) {
  std::vector<storage::SessionScope> scopes;
  for (const ListedGrant* const listed : grants) {
    if (!storage::Has(listed->grant.rights, right)) continue;
    scopes.insert(scopes.end(), listed->grant.scopes.begin(), listed->grant.scopes.end());
  }
  // A prefix comes before all that it covers, and nothing that it does not cover comes between them.
  std::sort(scopes.begin(), scopes.end(), [](const storage::SessionScope& a, const storage::SessionScope& b) {
    return std::tie(a.id, b.prefix) < std::tie(b.id, a.prefix);
  });
  std::vector<storage::SessionScope> disjoint;
  for (storage::SessionScope& scope : scopes) {
    if (disjoint.empty() || !disjoint.back().Covers(scope.id)) disjoint.push_back(std::move(scope));
  }
  return disjoint;
}

}  // namespace authstate::server
