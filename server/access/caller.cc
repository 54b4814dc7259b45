#include "server/access/caller.h"

#include <algorithm>
#include <utility>

#include "server/access/refusals.h"

namespace authstate::server {
namespace {

std::string CertificateOf(const Credentials& shown) {
  return shown.certificate_names.empty() ? "" : shown.certificate_names.front();
}

std::string NameOf(const Credentials& shown) {
  if (!shown.has_token) return CertificateOf(shown);
  return shown.token.has_value() ? shown.token->id() : "";
}

bool HasExpired(const storage::Grant& grant, absl::Time now) {
  return grant.expire_time.has_value() && *grant.expire_time <= now;
}

}  // namespace

Caller::Caller(const AccessWatch& access, Credentials shown)
    : access_(access), certificate_(CertificateOf(shown)), name_(NameOf(shown)), shown_(std::move(shown)) {}

absl::Status Caller::Authenticate() {
  const absl::MutexLock lock(&mutex_);
  absl::Status known = Look();
  if (known.ok()) NoteUse();
  return known;
}

absl::Status Caller::Permit(storage::Right right, absl::string_view session_id) {
  const absl::MutexLock lock(&mutex_);
  absl::Status known = Look();
  if (!known.ok() || seen_.open) return known;
  bool in_scope = false;
  for (const ListedGrant* const listed : grants_) {
    const std::vector<storage::SessionScope>& scopes = listed->grant.scopes;
    const bool covers =
        std::any_of(scopes.begin(), scopes.end(), [session_id](const auto& scope) { return scope.Covers(session_id); });
    if (covers && storage::Has(listed->grant.rights, right)) {
      listed->NoteUse();
      return absl::OkStatus();
    }
    in_scope = in_scope || covers;
  }
  return in_scope ? RightMissing(right) : SessionOutOfScope();
}

absl::Status Caller::PermitAdmin() {
  const absl::MutexLock lock(&mutex_);
  absl::Status known = Look();
  if (!known.ok() || seen_.open) return known;
  const bool admin = std::any_of(grants_.begin(), grants_.end(), [](const ListedGrant* listed) {
    return storage::Has(listed->grant.rights, storage::Right::kAdmin);
  });
  return admin ? absl::OkStatus() : RightMissing(storage::Right::kAdmin);
}

absl::StatusOr<std::vector<storage::SessionScope>> Caller::Scopes(storage::Right right) {
  const absl::MutexLock lock(&mutex_);
  const absl::Status known = Look();
  if (!known.ok()) return known;
  if (seen_.open) return std::vector<storage::SessionScope>{{"", /*prefix=*/true}};
  std::vector<storage::SessionScope> scopes = ScopesWith(right, grants_);
  if (scopes.empty()) return RightMissing(right);
  return scopes;
}

absl::Status Caller::Look() {
  if (!refused_.ok()) return refused_;
  const bool same = seen_.list != nullptr && seen_.generation == access_.generation();
  if (same && (end_ == absl::InfiniteFuture() || access_.DatabaseNow() < end_)) return absl::OkStatus();
  grants_.clear();
  end_ = absl::InfiniteFuture();
  seen_ = access_.current();
  if (seen_.open) return absl::OkStatus();
  const absl::Time now = access_.DatabaseNow();
  refused_ = shown_.has_token ? LookForToken(now) : LookForCertificate(now);
  for (const ListedGrant* const listed : grants_) end_ = std::min(end_, listed->grant.expire_time.value_or(end_));
  return refused_;
}

absl::Status Caller::LookForToken(absl::Time now) {
  if (name_.empty()) return MalformedToken();
  const ListedGrant* const listed = seen_.list->FindToken(name_);
  const storage::Grant* const grant = listed == nullptr ? nullptr : &listed->grant;
  if (shown_.token.has_value()) {
    const bool fits = shown_.token->Matches(grant);
    shown_.token.reset();
    if (!fits) return UnknownToken();
    hash_ = grant->hash;
    hash_key_ = grant->hash_key;
  }
  // The token has another secret since, unless it is checked by the same.
  if (grant == nullptr || grant->hash != hash_ || grant->hash_key != hash_key_) return UnknownToken();
  if (grant->revoke_time.has_value()) return TokenRevoked();
  if (HasExpired(*grant, now)) return TokenExpired();
  grants_.push_back(listed);
  return absl::OkStatus();
}

absl::Status Caller::LookForCertificate(absl::Time now) {
  if (shown_.certificate_names.empty()) return NoToken();
  grants_ = seen_.list->FindCertificates(shown_.certificate_names);
  const auto ended = [now](const ListedGrant* listed) {
    return listed->grant.revoke_time.has_value() || HasExpired(listed->grant, now);
  };
  grants_.erase(std::remove_if(grants_.begin(), grants_.end(), ended), grants_.end());
  return grants_.empty() ? CertificateUnknown() : absl::OkStatus();
}

void Caller::NoteUse() const {
  for (const ListedGrant* const listed : grants_) listed->NoteUse();
}

}  // namespace authstate::server
