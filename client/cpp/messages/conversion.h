#ifndef AUTHSTATE_CLIENT_CPP_MESSAGES_CONVERSION_H_
#define AUTHSTATE_CLIENT_CPP_MESSAGES_CONVERSION_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "authstate/v1/admin_service.pb.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "client/cpp/types.h"

// Between the messages of the contract and the types of the client. A message that breaks the contract, such as a Value
// of no kind, is DataLoss: it is never turned into an invented value.
namespace authstate::client {

v1::Value ToMessage(Value value);
v1::Key ToMessage(KeyName name);
v1::KeyEntry ToMessage(KeyEntry entry);
v1::CommitRequest ToMessage(CommitRequest commit);
google::protobuf::Duration ToMessage(absl::Duration duration);
v1::LoadSessionRequest ToMessage(const SessionSelection& selection);
v1::ListSessionsRequest ToMessage(const SessionFilter& filter);
// Neighbours of one type share a selection.
std::vector<v1::KeySelection> ToSelections(const std::vector<KeyName>& names);

absl::StatusOr<Value> FromMessage(v1::Value message);
absl::StatusOr<std::vector<KeyEntry>> FromMessage(google::protobuf::RepeatedPtrField<v1::KeyEntry> messages);
absl::StatusOr<Keys> FromMessage(v1::GetKeysResponse message);
absl::StatusOr<SessionPage> FromMessage(v1::LoadSessionResponse message);
SessionSummary FromMessage(v1::Session message);
Lease FromMessage(v1::Lease message);
ServerInfo FromMessage(v1::GetServerInfoResponse message);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_MESSAGES_CONVERSION_H_
