#include "client/cpp/messages/conversion.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/messages/backend_conversion.h"

namespace authstate::client {
namespace {

absl::Duration ToDuration(const google::protobuf::Duration& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

absl::Time ToTime(const google::protobuf::Timestamp& message) {
  return absl::FromUnixSeconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

KeyName TakeName(v1::Key* key) { return KeyName{std::move(*key->mutable_type()), std::move(*key->mutable_id())}; }

}  // namespace

v1::Value ToMessage(Value value) {
  v1::Value message;
  switch (value.kind) {
    case ValueKind::kRaw:
      message.set_raw(std::move(value.bytes));
      break;
    case ValueKind::kJson:
      message.set_json(std::move(value.bytes));
      break;
  }
  return message;
}

v1::Key ToMessage(KeyName name) {
  v1::Key message;
  message.set_type(std::move(name.type));
  message.set_id(std::move(name.id));
  return message;
}

v1::KeyEntry ToMessage(KeyEntry entry) {
  v1::KeyEntry message;
  *message.mutable_key() = ToMessage(std::move(entry.name));
  *message.mutable_value() = ToMessage(std::move(entry.value));
  return message;
}

v1::CommitRequest ToMessage(CommitRequest commit) {
  v1::CommitRequest message;
  message.set_session_id(std::move(commit.session_id));
  if (commit.creds.has_value()) *message.mutable_creds() = ToMessage(*std::move(commit.creds));
  message.mutable_sets()->Reserve(static_cast<int>(commit.sets.size()));
  for (KeyEntry& entry : commit.sets) *message.add_sets() = ToMessage(std::move(entry));
  for (KeyName& name : commit.deletes) *message.add_deletes() = ToMessage(std::move(name));
  message.set_clear_keys(commit.clear_keys);
  if (commit.expected_revision.has_value()) message.set_expected_revision(*commit.expected_revision);
  message.set_commit_id(commit.commit_id);
  message.set_fence(commit.fence);
  message.set_carried_revision(commit.carried_revision);
  return message;
}

google::protobuf::Duration ToMessage(absl::Duration duration) {
  google::protobuf::Duration message;
  message.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  message.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(duration)));
  return message;
}

v1::LoadSessionRequest ToMessage(const SessionSelection& selection) {
  v1::LoadSessionRequest message;
  message.mutable_types()->Assign(selection.types.begin(), selection.types.end());
  if (selection.unchanged_for.has_value()) *message.mutable_unchanged_for() = ToMessage(*selection.unchanged_for);
  message.set_without_creds(selection.without_creds);
  message.set_without_values(selection.without_values);
  return message;
}

v1::ListSessionsRequest ToMessage(const SessionFilter& filter) {
  v1::ListSessionsRequest message;
  message.set_prefix(filter.prefix);
  message.set_leased(filter.leased);
  if (filter.unwritten_for.has_value()) *message.mutable_unwritten_for() = ToMessage(*filter.unwritten_for);
  if (filter.has_creds.has_value()) message.set_has_creds(*filter.has_creds);
  for (const SessionState state : filter.states) message.add_states(static_cast<v1::SessionState>(state));
  message.set_with_size(filter.with_size);
  message.set_with_state(filter.with_state);
  return message;
}

std::vector<v1::KeySelection> ToSelections(const std::vector<KeyName>& names) {
  std::vector<v1::KeySelection> selections;
  for (const KeyName& name : names) {
    if (selections.empty() || selections.back().type() != name.type) selections.emplace_back().set_type(name.type);
    selections.back().add_ids(name.id);
  }
  return selections;
}

absl::StatusOr<Value> FromMessage(v1::Value message) {
  switch (message.kind_case()) {
    case v1::Value::kRaw:
      return Value{ValueKind::kRaw, std::move(*message.mutable_raw())};
    case v1::Value::kJson:
      return Value{ValueKind::kJson, std::move(*message.mutable_json())};
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return absl::DataLossError("the server answered a value of a kind that this client does not know");
}

absl::StatusOr<std::vector<KeyEntry>> FromMessage(google::protobuf::RepeatedPtrField<v1::KeyEntry> messages) {
  std::vector<KeyEntry> entries;
  entries.reserve(static_cast<std::size_t>(messages.size()));
  for (v1::KeyEntry& message : messages) {
    absl::StatusOr<Value> value = FromMessage(std::move(*message.mutable_value()));
    if (!value.ok()) return value.status();
    entries.push_back(KeyEntry{TakeName(message.mutable_key()), *std::move(value)});
  }
  return entries;
}

absl::StatusOr<Keys> FromMessage(v1::GetKeysResponse message) {
  absl::StatusOr<std::vector<KeyEntry>> found = FromMessage(std::move(*message.mutable_found()));
  if (!found.ok()) return found.status();
  Keys keys;
  keys.found = *std::move(found);
  for (v1::Key& key : *message.mutable_absent()) keys.absent.push_back(TakeName(&key));
  keys.revision = message.revision();
  return keys;
}

absl::StatusOr<SessionPage> FromMessage(v1::LoadSessionResponse message) {
  SessionPage page;
  page.revision = message.revision();
  if (message.has_creds()) {
    absl::StatusOr<Value> creds = FromMessage(std::move(*message.mutable_creds()));
    if (!creds.ok()) return creds.status();
    page.creds = *std::move(creds);
  }
  absl::StatusOr<std::vector<KeyEntry>> keys = FromMessage(std::move(*message.mutable_keys()));
  if (!keys.ok()) return keys.status();
  page.keys = *std::move(keys);
  for (v1::KeySummary& key : *message.mutable_summaries()) {
    KeySummary& summary = page.summaries.emplace_back();
    summary.name = TakeName(key.mutable_key());
    summary.stored_bytes = key.stored_bytes();
    if (key.has_change_time()) summary.change_time = ToTime(key.change_time());
  }
  return page;
}

SessionSummary FromMessage(v1::Session message) {
  SessionSummary summary;
  summary.session_id = std::move(*message.mutable_session_id());
  summary.revision = message.revision();
  summary.has_creds = message.has_creds();
  summary.key_count = message.key_count();
  summary.update_time = ToTime(message.update_time());
  summary.lease = FromMessage(std::move(*message.mutable_lease()));
  summary.stored_bytes = message.stored_bytes();
  if (message.state() != v1::SESSION_STATE_UNSPECIFIED && v1::SessionState_IsValid(message.state())) {
    summary.state = static_cast<SessionState>(message.state());
  }
  return summary;
}

Lease FromMessage(v1::Lease message) {
  Lease lease;
  lease.owner = std::move(*message.mutable_owner());
  lease.fence = message.fence();
  lease.remaining = ToDuration(message.remaining());
  if (message.has_expire_time()) lease.expire_time = ToTime(message.expire_time());
  return lease;
}

ServerInfo FromMessage(v1::GetServerInfoResponse message) {
  ServerInfo server;
  server.version = std::move(*message.mutable_version());
  server.backend = std::move(*message.mutable_backend());
  server.location = std::move(*message.mutable_location());
  server.schema_version = message.schema_version();
  server.profile = message.profile();
  server.layout = message.layout();
  server.tls = message.tls();
  server.pooler = message.pooler();
  server.uptime = ToDuration(message.uptime());
  server.serving = message.serving();
  const v1::Limits& limits = message.limits();
  server.limits.session_id_bytes = limits.session_id_bytes();
  server.limits.key_type_bytes = limits.key_type_bytes();
  server.limits.key_id_bytes = limits.key_id_bytes();
  server.limits.value_bytes = limits.value_bytes();
  server.limits.commit_bytes = limits.commit_bytes();
  server.limits.commit_operations = limits.commit_operations();
  server.limits.message_bytes = limits.message_bytes();
  if (message.has_write_behind()) server.write_behind = FromMessage(message.write_behind());
  if (message.has_maintenance()) server.maintenance = FromMessage(std::move(*message.mutable_maintenance()));
  return server;
}

}  // namespace authstate::client
