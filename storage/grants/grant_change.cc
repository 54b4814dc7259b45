#include "storage/grants/grant_change.h"

#include <sodium.h>

#include <algorithm>

#include "storage/error.h"

namespace authstate::storage {
namespace {

// So that a version has room for 2^33 of them.
constexpr std::uint32_t kMostOfAStep = std::uint32_t{1} << 30U;

bool SameScopes(const Grant& a, const Grant& b) {
  return std::equal(a.scopes.begin(), a.scopes.end(), b.scopes.begin(), b.scopes.end(),
                    [](const SessionScope& one, const SessionScope& other) {
                      return one.id == other.id && one.prefix == other.prefix;
                    });
}

// Whether both were created by one request.
bool SameTerms(const Grant& a, const Grant& b) {
  return a.label == b.label && a.certificate_name == b.certificate_name && a.hash_key == b.hash_key &&
         a.hash == b.hash && a.rights == b.rights && SameScopes(a, b);
}

Grant Created(const GrantRequest& request, absl::Time now) {
  Grant grant = request.grant;
  grant.create_time = now;
  grant.expire_time.reset();
  if (request.time_to_live.has_value()) grant.expire_time = now + *request.time_to_live;
  grant.revoke_time.reset();
  grant.last_use_time.reset();
  return grant;
}

}  // namespace

absl::StatusOr<GrantChange> Change(const GrantRequest& request, const Grant* present, absl::Time now) {
  if (request.action == GrantRequest::Action::kCreate) {
    if (present == nullptr) return GrantChange{Created(request, now), true};
    if (!SameTerms(*present, request.grant)) return TokenExists();
    return GrantChange{*present, false};
  }
  if (present == nullptr) return NoSuchToken();
  GrantChange change{*present, false};
  if (request.action == GrantRequest::Action::kRevoke) {
    change.changed = !present->revoke_time.has_value();
    if (change.changed) change.grant.revoke_time = now;
    return change;
  }
  if (!present->certificate_name.empty()) return NoSecret();
  if (!InForce(*present, now)) return TokenEnded();
  change.grant.hash_key = request.grant.hash_key;
  change.grant.hash = request.grant.hash;
  if (request.time_to_live.has_value()) change.grant.expire_time = now + *request.time_to_live;
  change.changed = true;
  return change;
}

bool NoteUse(absl::Time time, Grant* grant) {
  if (grant->last_use_time.has_value() && *grant->last_use_time >= time) return false;
  grant->last_use_time = time;
  return true;
}

std::uint64_t VersionStep() { return std::uint64_t{1} + randombytes_uniform(kMostOfAStep); }

}  // namespace authstate::storage
