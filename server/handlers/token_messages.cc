#include "server/handlers/token_messages.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/handlers/duration_field.h"
#include "server/handlers/request_error.h"
#include "server/handlers/state_messages.h"
#include "tokens/token_terms.h"

namespace authstate::server {
namespace {

using storage::Right;

constexpr std::array<std::pair<v1::Right, Right>, 4> kRights = {{{v1::RIGHT_READ, Right::kRead},
                                                                 {v1::RIGHT_WRITE, Right::kWrite},
                                                                 {v1::RIGHT_STEAL, Right::kSteal},
                                                                 {v1::RIGHT_ADMIN, Right::kAdmin}}};

absl::Status ToStatus(const std::optional<tokens::Fault>& fault) {
  return fault.has_value() ? InvalidField(fault->field, fault->rule) : absl::OkStatus();
}

absl::StatusOr<storage::Rights> TakeRights(const google::protobuf::RepeatedField<int>& messages) {
  storage::Rights rights = 0;
  for (int i = 0; i < messages.size(); ++i) {
    storage::Rights added = 0;
    for (const auto& [message, right] : kRights) {
      if (messages[i] == message) added = static_cast<storage::Rights>(right);
    }
    const std::string field = absl::StrCat("rights[", i, "]");
    if (added == 0) return InvalidField(field, "is none of read, write, steal and admin");
    if ((rights & added) != 0) return InvalidField(field, "is there twice");
    rights |= added;
  }
  return rights;
}

absl::Status TakeScopes(const google::protobuf::RepeatedPtrField<v1::SessionScope>& messages, storage::Grant* grant) {
  for (int i = 0; i < messages.size(); ++i) {
    if (messages[i].scope_case() == v1::SessionScope::SCOPE_NOT_SET) {
      return InvalidField(absl::StrCat("scopes[", i, "]"), "has neither session_id nor prefix");
    }
    const bool prefix = messages[i].has_prefix();
    grant->scopes.push_back({prefix ? messages[i].prefix() : messages[i].session_id(), prefix});
  }
  return absl::OkStatus();
}

template <typename Request>
absl::Status TakeTimeToLive(const Request& request, storage::GrantRequest* grant) {
  if (!request.has_time_to_live()) return absl::OkStatus();
  const absl::StatusOr<absl::Duration> duration = DurationField("time_to_live", request.time_to_live());
  if (!duration.ok()) return duration.status();
  grant->time_to_live = *duration;
  return ToStatus(tokens::FaultOfTimeToLive(grant->time_to_live));
}

v1::Token::State StateOf(const storage::Grant& grant, absl::Time now) {
  if (grant.revoke_time.has_value()) return v1::Token::STATE_REVOKED;
  return storage::InForce(grant, now) ? v1::Token::STATE_VALID : v1::Token::STATE_EXPIRED;
}

}  // namespace

absl::Status CheckTokenId(const std::string& id) { return ToStatus(tokens::FaultOfId(id)); }

absl::StatusOr<storage::GrantRequest> Validate(const v1::CreateTokenRequest& request) {
  storage::GrantRequest result;
  result.action = storage::GrantRequest::Action::kCreate;
  result.grant.label = request.label();
  result.grant.certificate_name = request.certificate_name();
  const absl::StatusOr<storage::Rights> rights = TakeRights(request.rights());
  if (!rights.ok()) return rights.status();
  result.grant.rights = *rights;
  absl::Status status = TakeScopes(request.scopes(), &result.grant);
  if (status.ok()) status = TakeTimeToLive(request, &result);
  if (status.ok()) status = ToStatus(tokens::FaultOfTerms(result.grant, result.time_to_live));
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<storage::GrantRequest> Validate(const v1::RotateTokenRequest& request) {
  storage::GrantRequest result;
  result.action = storage::GrantRequest::Action::kRotate;
  result.grant.id = request.id();
  absl::Status status = CheckTokenId(request.id());
  if (status.ok()) status = TakeTimeToLive(request, &result);
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<storage::GrantRequest> Validate(const v1::RevokeTokenRequest& request) {
  storage::GrantRequest result;
  result.action = storage::GrantRequest::Action::kRevoke;
  result.grant.id = request.id();
  if (absl::Status status = CheckTokenId(request.id()); !status.ok()) return status;
  return result;
}

v1::Token ToMessage(const storage::Grant& grant, absl::Time now) {
  v1::Token message;
  message.set_id(grant.id);
  message.set_label(grant.label);
  message.set_certificate_name(grant.certificate_name);
  for (const auto& [right_message, right] : kRights) {
    if (storage::Has(grant.rights, right)) message.add_rights(right_message);
  }
  for (const storage::SessionScope& scope : grant.scopes) {
    v1::SessionScope* const scope_message = message.add_scopes();
    if (scope.prefix) {
      scope_message->set_prefix(scope.id);
    } else {
      scope_message->set_session_id(scope.id);
    }
  }
  SetMicros(absl::ToUnixMicros(grant.create_time), message.mutable_create_time());
  if (grant.expire_time.has_value()) SetMicros(absl::ToUnixMicros(*grant.expire_time), message.mutable_expire_time());
  if (grant.revoke_time.has_value()) SetMicros(absl::ToUnixMicros(*grant.revoke_time), message.mutable_revoke_time());
  if (grant.last_use_time.has_value()) {
    SetMicros(absl::ToUnixMicros(*grant.last_use_time), message.mutable_last_use_time());
  }
  message.set_state(StateOf(grant, now));
  return message;
}

}  // namespace authstate::server
