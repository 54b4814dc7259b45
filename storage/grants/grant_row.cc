#include "storage/grants/grant_row.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/checksum.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

constexpr char kId = '=';
constexpr char kPrefix = '^';
constexpr std::size_t kHashKeyBytes = 32;
constexpr std::size_t kHashBytes = 32;

std::string EncodeScopes(const std::vector<SessionScope>& scopes) {
  std::string text;
  for (const SessionScope& scope : scopes) {
    text.push_back(scope.prefix ? kPrefix : kId);
    absl::StrAppend(&text, scope.id.size(), ":", scope.id);
  }
  return text;
}

// The text is as EncodeScopes made it, which the checksum has told.
std::vector<SessionScope> DecodeScopes(absl::string_view text) {
  std::vector<SessionScope> scopes;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    std::size_t size = 0;
    if (colon == absl::string_view::npos || !absl::SimpleAtoi(text.substr(1, colon - 1), &size)) break;
    scopes.push_back({std::string(text.substr(colon + 1, size)), text.front() == kPrefix});
    text.remove_prefix(std::min(text.size(), colon + 1 + size));
  }
  return scopes;
}

// Each part with its length, so that no two rows read alike.
std::string TermsChecksum(const GrantRow& row) {
  return RecordChecksum(absl::StrCat(row.id.size(), ":", row.id, row.label.size(), ":", row.label,
                                     row.certificate_name.size(), ":", row.certificate_name, row.rights, ",",
                                     row.scopes));
}

std::string Verifier(absl::string_view id, absl::string_view hash_key, absl::string_view hash) {
  return absl::StrCat(hash_key, hash, RecordChecksum(absl::StrCat(id, hash_key, hash)));
}

}  // namespace

MaintenanceRow ToRow(const MaintenanceTerms& terms) {
  return {terms.present.since, terms.present.reason, absl::ToInt64Milliseconds(terms.present.hold),
          EncodeScopes(terms.present.allowed), EncodeScopes(terms.opened)};
}

std::optional<MaintenanceTerms> FromRow(MaintenanceRow row) {
  if (!row.since.has_value()) return std::nullopt;
  MaintenanceTerms terms;
  terms.present.reason = std::move(row.reason);
  terms.present.hold = absl::Milliseconds(row.hold_ms);
  terms.present.since = *row.since;
  terms.present.allowed = DecodeScopes(row.allowed);
  terms.opened = DecodeScopes(row.opened);
  // An empty prefix is everything.
  if (EncodeScopes(terms.present.allowed) != row.allowed) terms.present.allowed.clear();
  return terms;
}

GrantRow ToRow(const Grant& grant) {
  GrantRow row{grant.id, grant.label,       grant.certificate_name, grant.rights,      EncodeScopes(grant.scopes), {},
               {},       grant.create_time, grant.expire_time,      grant.revoke_time, grant.last_use_time};
  row.terms_checksum = TermsChecksum(row);
  if (grant.certificate_name.empty()) row.verifier = Verifier(grant.id, grant.hash_key, grant.hash);
  return row;
}

absl::StatusOr<Grant> FromRow(GrantRow row) {
  if (row.terms_checksum != TermsChecksum(row)) return DamagedGrant(row.id);
  Grant grant;
  if (row.certificate_name.empty()) {
    grant.hash_key = row.verifier.substr(0, kHashKeyBytes);
    if (row.verifier.size() > kHashKeyBytes) grant.hash = row.verifier.substr(kHashKeyBytes, kHashBytes);
    if (row.verifier != Verifier(row.id, grant.hash_key, grant.hash)) return DamagedGrant(row.id);
  } else if (!row.verifier.empty()) {
    return DamagedGrant(row.id);
  }
  grant.id = std::move(row.id);
  grant.label = std::move(row.label);
  grant.certificate_name = std::move(row.certificate_name);
  grant.rights = static_cast<Rights>(row.rights);
  grant.scopes = DecodeScopes(row.scopes);
  grant.create_time = row.create_time;
  grant.expire_time = row.expire_time;
  grant.revoke_time = row.revoke_time;
  grant.last_use_time = row.last_use_time;
  return grant;
}

}  // namespace authstate::storage
