#include "client/cpp/messages/token_conversion.h"

#include "client/cpp/messages/conversion.h"

namespace authstate::client {
namespace {

absl::Time ToTime(const google::protobuf::Timestamp& message) {
  return absl::FromUnixSeconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

v1::Right ToMessage(Right right) {
  switch (right) {
    case Right::kRead:
      return v1::RIGHT_READ;
    case Right::kWrite:
      return v1::RIGHT_WRITE;
    case Right::kSteal:
      return v1::RIGHT_STEAL;
    case Right::kAdmin:
      return v1::RIGHT_ADMIN;
  }
  return v1::RIGHT_UNSPECIFIED;
}

// One that this client does not know is left out.
std::vector<Right> FromMessages(const google::protobuf::RepeatedField<int>& messages) {
  std::vector<Right> rights;
  for (const Right right : {Right::kRead, Right::kWrite, Right::kSteal, Right::kAdmin}) {
    for (const int message : messages) {
      if (message == ToMessage(right)) rights.push_back(right);
    }
  }
  return rights;
}

TokenInfo::State FromMessage(v1::Token::State state) {
  switch (state) {
    case v1::Token::STATE_REVOKED:
      return TokenInfo::State::kRevoked;
    case v1::Token::STATE_EXPIRED:
      return TokenInfo::State::kExpired;
    default:
      return TokenInfo::State::kValid;
  }
}

}  // namespace

v1::CreateTokenRequest ToMessage(const TokenTerms& terms) {
  v1::CreateTokenRequest message;
  message.set_label(terms.label);
  message.set_certificate_name(terms.certificate_name);
  for (const Right right : terms.rights) message.add_rights(ToMessage(right));
  for (const SessionScope& scope : terms.scopes) {
    v1::SessionScope* const scope_message = message.add_scopes();
    if (scope.prefix) {
      scope_message->set_prefix(scope.id);
    } else {
      scope_message->set_session_id(scope.id);
    }
  }
  if (terms.time_to_live.has_value()) *message.mutable_time_to_live() = ToMessage(*terms.time_to_live);
  return message;
}

TokenInfo FromMessage(const v1::Token& message) {
  TokenInfo token;
  token.id = message.id();
  token.label = message.label();
  token.certificate_name = message.certificate_name();
  token.rights = FromMessages(message.rights());
  for (const v1::SessionScope& scope : message.scopes()) {
    token.scopes.push_back({scope.has_prefix() ? scope.prefix() : scope.session_id(), scope.has_prefix()});
  }
  token.create_time = ToTime(message.create_time());
  if (message.has_expire_time()) token.expire_time = ToTime(message.expire_time());
  if (message.has_revoke_time()) token.revoke_time = ToTime(message.revoke_time());
  if (message.has_last_use_time()) token.last_use_time = ToTime(message.last_use_time());
  token.state = FromMessage(message.state());
  return token;
}

}  // namespace authstate::client
