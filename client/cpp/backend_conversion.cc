#include "client/cpp/backend_conversion.h"

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

}  // namespace

v1::SwitchBackendRequest ToMessage(const SwitchOptions& options) {
  v1::SwitchBackendRequest message;
  message.set_target(options.target);
  message.set_force(options.force);
  SetDuration(options.max_pause, message.mutable_max_pause());
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
  for (const v1::SessionDifference& difference : message.differences()) {
    result.differences.push_back({difference.session_id(), difference.what()});
  }
  return result;
}

}  // namespace authstate::client
