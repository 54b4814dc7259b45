#include "client/cpp/messages/backend_conversion.h"

#include <utility>

namespace authstate::client {
namespace {

absl::Duration FromMessage(const google::protobuf::Duration& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

absl::Time FromMessage(const google::protobuf::Timestamp& message) {
  return absl::FromUnixSeconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* message) {
  message->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  message->set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(duration)));
}

SwitchProgress::Phase FromMessage(v1::SwitchProgress::Phase phase) {
  switch (phase) {
    case v1::SwitchProgress::PHASE_COMPARING:
      return SwitchProgress::Phase::kComparing;
    case v1::SwitchProgress::PHASE_PAUSED:
      return SwitchProgress::Phase::kPaused;
    case v1::SwitchProgress::PHASE_SWITCHED:
      return SwitchProgress::Phase::kSwitched;
    default:
      return SwitchProgress::Phase::kOpening;
  }
}

v1::SyncBackendRequest::Mode ToMode(SyncOptions::Mode mode) {
  switch (mode) {
    case SyncOptions::Mode::kSync:
      return v1::SyncBackendRequest::MODE_SYNC;
    case SyncOptions::Mode::kDryRun:
      return v1::SyncBackendRequest::MODE_DRY_RUN;
    case SyncOptions::Mode::kVerify:
      return v1::SyncBackendRequest::MODE_VERIFY;
  }
  return v1::SyncBackendRequest::MODE_UNSPECIFIED;
}

std::vector<SessionDifference> FromMessages(const google::protobuf::RepeatedPtrField<v1::SessionDifference>& messages) {
  std::vector<SessionDifference> differences;
  for (const v1::SessionDifference& difference : messages) {
    differences.push_back({difference.session_id(), difference.what()});
  }
  return differences;
}

FollowInfo FromMessage(const v1::Backend::Following& message) {
  FollowInfo info;
  info.since = FromMessage(message.since());
  if (message.has_equal_time()) info.equal_time = FromMessage(message.equal_time());
  info.differing_sessions = message.differing_sessions();
  info.error = message.error();
  return info;
}

}  // namespace

v1::SwitchBackendRequest ToMessage(const SwitchOptions& options) {
  v1::SwitchBackendRequest message;
  message.set_target(options.target);
  message.set_force(options.force);
  SetDuration(options.max_pause, message.mutable_max_pause());
  message.set_sync(options.sync);
  message.set_overwrite(options.overwrite);
  message.set_follow(options.follow);
  return message;
}

v1::SyncBackendRequest ToMessage(const SyncOptions& options) {
  v1::SyncBackendRequest message;
  message.set_target(options.target);
  message.set_mode(ToMode(options.mode));
  message.set_overwrite(options.overwrite);
  message.set_follow(options.follow);
  message.set_max_bytes_per_second(options.max_bytes_per_second);
  return message;
}

BackendInfo FromMessage(const v1::Backend& message) {
  BackendInfo backend;
  backend.name = message.name();
  backend.kind = message.kind();
  backend.location = message.location();
  backend.layout = message.layout();
  backend.tls = message.tls();
  backend.pooler = message.pooler();
  backend.schema_version = message.schema_version();
  backend.serving = message.serving();
  if (message.has_serving_since()) backend.serving_since = absl::FromUnixSeconds(message.serving_since().seconds());
  backend.connections = message.connections();
  backend.statements = message.statements();
  backend.errors = message.errors();
  backend.errors_by_class = {message.errors_by_class().begin(), message.errors_by_class().end()};
  backend.statements_last_minute = message.statements_last_minute();
  backend.errors_last_minute = message.errors_last_minute();
  backend.median_latency = FromMessage(message.median_latency());
  backend.p99_latency = FromMessage(message.p99_latency());
  if (message.has_following()) backend.following = FromMessage(message.following());
  if (message.has_probe()) backend.probe_error = message.probe().usable() ? "" : message.probe().error();
  return backend;
}

WriteBehindInfo FromMessage(const v1::WriteBehind& message) {
  WriteBehindInfo info;
  info.store_id = message.store_id();
  info.address = message.address();
  info.sessions = message.sessions();
  info.unflushed_sessions = message.unflushed_sessions();
  info.unflushed_commits = message.unflushed_commits();
  info.unflushed_bytes = message.unflushed_bytes();
  info.orphans = message.orphans();
  if (message.has_oldest_unflushed_time()) info.oldest_unflushed_time = FromMessage(message.oldest_unflushed_time());
  if (message.has_away_since()) info.away_since = FromMessage(message.away_since());
  return info;
}

HomeInfo FromMessage(v1::Home message) {
  HomeInfo home;
  home.session_id = std::move(*message.mutable_session_id());
  home.store_id = std::move(*message.mutable_store_id());
  home.address = std::move(*message.mutable_address());
  home.revision = message.revision();
  if (message.has_write_time()) home.write_time = FromMessage(message.write_time());
  return home;
}

v1::BeginMaintenanceRequest ToMessage(const MaintenanceTerms& terms) {
  v1::BeginMaintenanceRequest message;
  message.set_reason(terms.reason);
  SetDuration(terms.hold, message.mutable_hold());
  message.mutable_allowed_prefixes()->Assign(terms.allowed_prefixes.begin(), terms.allowed_prefixes.end());
  return message;
}

MaintenanceInfo FromMessage(v1::Maintenance message) {
  MaintenanceInfo info;
  info.terms.reason = std::move(*message.mutable_reason());
  info.terms.hold = FromMessage(message.hold());
  info.terms.allowed_prefixes.assign(message.allowed_prefixes().begin(), message.allowed_prefixes().end());
  info.begin_time = FromMessage(message.begin_time());
  info.settle_time = FromMessage(message.settle_time());
  info.writes_under_way = message.writes_under_way();
  info.held_writes = message.held_writes();
  return info;
}

SwitchProgress FromMessage(const v1::SwitchProgress& message) {
  return {FromMessage(message.phase()), message.round(), message.compared(), message.total()};
}

SwitchResult FromMessage(const v1::SwitchResult& message) {
  SwitchResult result;
  result.switched = message.switched();
  result.from = message.from();
  result.pause = FromMessage(message.pause());
  result.sessions_compared = message.sessions_compared();
  result.other_revisions = message.other_revisions();
  result.differing_sessions = message.differing_sessions();
  result.differences = FromMessages(message.differences());
  result.sessions_copied = message.sessions_copied();
  return result;
}

SyncResult FromMessage(const v1::SyncResult& message) {
  SyncResult result;
  result.from = message.from();
  result.sessions_equal = message.sessions_equal();
  result.sessions_copied = message.sessions_copied();
  result.bytes_read = message.bytes_read();
  result.differing_sessions = message.differing_sessions();
  result.refused_sessions = message.refused_sessions();
  result.differences = FromMessages(message.differences());
  return result;
}

CopyProgress FromMessage(const v1::CopyProgress& message) {
  return {message.copied_bytes(), message.total_bytes(), message.checking()};
}

StoreCopy FromMessage(const v1::CopyResult& message) {
  return {message.path(), message.bytes(), FromMessage(message.time())};
}

}  // namespace authstate::client
