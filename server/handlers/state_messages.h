#ifndef AUTHSTATE_SERVER_HANDLERS_STATE_MESSAGES_H_
#define AUTHSTATE_SERVER_HANDLERS_STATE_MESSAGES_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "authstate/v1/auth_state_service.pb.h"
#include "storage/backend.h"

// The wire form of what a backend answers, for every way that answers go: unary calls, the pipe, snapshots. Pure.
namespace authstate::server {

// Take the bytes over.
void MoveToProto(Value value, v1::Value* proto);
void MoveToProto(storage::KeyWrite key, v1::KeyEntry* proto);
void MoveToProto(storage::KeySummary key, v1::KeySummary* proto);
// Sorts what was read into keys that were found and keys that are absent; `values[i]` is the value of `names[i]`.
void MoveToProto(std::vector<storage::KeyName> names, std::vector<std::optional<Value>> values,
                 google::protobuf::RepeatedPtrField<v1::KeyEntry>* found,
                 google::protobuf::RepeatedPtrField<v1::Key>* absent);

void ToProto(const storage::Lease& lease, v1::Lease* proto);

// What an answer says in `knows_fields_up_to`: the highest number of a field of `Request` in this server's contract.
template <typename Request>
std::uint32_t KnownFieldsOf() {
  const google::protobuf::Descriptor& request = *Request::descriptor();
  int highest = 0;
  for (int i = 0; i < request.field_count(); ++i) highest = std::max(highest, request.field(i)->number());
  return static_cast<std::uint32_t>(highest);
}

// Sets the seconds and nanos of a Duration or Timestamp that is not negative.
template <typename Message>
void SetMicros(std::int64_t micros, Message* message) {
  constexpr std::int64_t kMicrosPerSecond = 1'000'000;
  message->set_seconds(micros / kMicrosPerSecond);
  message->set_nanos(static_cast<std::int32_t>(micros % kMicrosPerSecond * 1'000));
}

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_STATE_MESSAGES_H_
