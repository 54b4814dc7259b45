#include "server/handlers/state_messages.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/time/time.h"

namespace authstate::server {

void MoveToProto(Value value, v1::Value* proto) {
  if (value.kind == ValueKind::kRaw) {
    proto->set_raw(std::move(value.bytes));
  } else {
    proto->set_json(std::move(value.bytes));
  }
}

void MoveToProto(storage::KeyWrite key, v1::KeyEntry* proto) {
  proto->mutable_key()->set_type(std::move(key.name.type));
  proto->mutable_key()->set_id(std::move(key.name.id));
  MoveToProto(std::move(key.value), proto->mutable_value());
}

void MoveToProto(storage::KeySummary key, v1::KeySummary* proto) {
  proto->mutable_key()->set_type(std::move(key.name.type));
  proto->mutable_key()->set_id(std::move(key.name.id));
  proto->set_stored_bytes(key.stored_bytes);
  if (key.change_time.has_value()) SetMicros(absl::ToUnixMicros(*key.change_time), proto->mutable_change_time());
}

void MoveToProto(std::vector<storage::KeyName> names, std::vector<std::optional<Value>> values,
                 google::protobuf::RepeatedPtrField<v1::KeyEntry>* found,
                 google::protobuf::RepeatedPtrField<v1::Key>* absent) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (values[i].has_value()) {
      MoveToProto(storage::KeyWrite{std::move(names[i]), *std::move(values[i])}, found->Add());
    } else {
      v1::Key* const key = absent->Add();
      key->set_type(std::move(names[i].type));
      key->set_id(std::move(names[i].id));
    }
  }
}

void ToProto(const storage::Lease& lease, v1::Lease* proto) {
  proto->set_owner(lease.owner);
  // Under the fence of a store whoever knew it could write in its name.
  if (!lease.at_home()) proto->set_fence(lease.fence);
  SetMicros(std::max<std::int64_t>(0, lease.live() ? absl::ToInt64Microseconds(lease.remaining) : 0),
            proto->mutable_remaining());
  if (lease.held()) SetMicros(absl::ToUnixMicros(lease.expire_time), proto->mutable_expire_time());
}

}  // namespace authstate::server
